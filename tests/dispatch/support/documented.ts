import Ajv2020 from "ajv/dist/2020";
import { z } from "zod";
import type { Received } from "../../support/followers/receiver.ts";

const schema = z.record(z.string(), z.unknown());
const documented = z.looseObject({
  webhooks: z.object({
    event: z.object({
      post: z.looseObject({
        parameters: z.array(z.looseObject({ name: z.string(), schema })),
        requestBody: z.looseObject({ content: z.object({ "application/json": z.object({ schema }) }) }),
      }),
    }),
  }),
});

/**
 * What a webhook is sent, as the OpenAPI document of a server has it.
 *
 * @returns what is wrong with something that was received, `null` for nothing
 */
export async function documentedAt(url: string): Promise<(received: Received) => string | null> {
  const document = documented.parse(closed(await (await fetch(`${url}/openapi.json`)).json()));
  const { parameters, requestBody } = document.webhooks.event.post;
  const ajv = new Ajv2020({ strict: false, logger: false, formats: { "date-time": true } });
  const ofDocument = (part: object) => ajv.compile({ components: document["components"], ...part });
  const isBody = ofDocument(requestBody.content["application/json"].schema);
  const headers = parameters.map(({ name, schema: of }) => ({ name, isRight: ofDocument(of) }));
  return (received) => {
    const wrong = headers.find(({ name, isRight }) => !isRight(received.headers[name]));
    if (wrong !== undefined) return `${wrong.name}: ${received.headers[wrong.name]}`;
    return isBody(JSON.parse(received.body)) ? null : `${ajv.errorsText(isBody.errors)}: ${received.body}`;
  };
}

/** Receivers have to ignore members that they do not know; here one that is not in the document is a fault. */
function closed(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(closed);
  if (typeof json !== "object" || json === null) return json;
  const members = Object.entries(json).map(([name, value]) => [name, closed(value)] as const);
  const isOpen = "properties" in json && "type" in json && !("additionalProperties" in json);
  return { ...Object.fromEntries(members), ...(isOpen ? { additionalProperties: false } : {}) };
}
