import { expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { TestCa } from "../support/servers/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Receiver } from "../support/followers/receiver.ts";
import { clusterShape } from "./support/shapes.ts";

failOnLeaks();
setDefaultTimeout(240_000);

const BATCHES = 10;
const TRANSACTIONS = 500;
const WAIT_MILLISECONDS_MAX = 200_000;

const made = z.looseObject({ id: z.string() });
const watched = z.looseObject({ armed: z.boolean() });
const results = z.looseObject({ results: z.array(z.looseObject({ status: z.number() })) });

test("a backlog of 5,000 events reaches two webhooks, and a watch is armed meanwhile", async () => {
  using folder = temporaryFolder("dispatch-ca");
  await using shape = await clusterShape({
    authorities: new TestCa(folder.path, "targets").file,
    inner: true,
  });
  await using steady = new Receiver(null);
  await using moody = new Receiver(null);
  // What fails is noted, too, and waits for its time among what may go. Each fails once: a second time it waits for long.
  moody.answer = ({ id }) => {
    const isNew = moody.received.filter((each) => each.id === id).length === 1;
    return new Response(null, { status: isNew && moody.received.length % 50 === 0 ? 500 : 204 });
  };
  const send = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${shape.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${shape.tokens.admin}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  for (const { url } of [steady, moody])
    expect((await send("POST", "/v1/webhooks", { url, types: ["transaction.created"] })).status).toBe(201);
  const decide = async (commandOf: (number: number) => object): Promise<void> => {
    const commands = Array.from({ length: TRANSACTIONS }, (_, number) => commandOf(number));
    const answers = results.parse(
      await (await send("POST", "/v1/batches", { atomic: false, commands })).json(),
    );
    expect(answers.results.filter(({ status }) => status !== 201)).toEqual([]);
  };
  await decide((number) => ({ op: "account", body: { id: `b:${number}`, unit: "BRL/2" } }));
  for (let batch = 0; batch < BATCHES; batch += 1) {
    await decide((number) => ({
      op: "transaction",
      body: { postings: [{ from: "@world", to: `b:${number}`, amount: 1 }] },
    }));
  }
  const answer = await send("POST", "/v1/watches", { prefix: "b:", available_lt: 1 });
  const { id } = made.parse(await answer.json());
  await eventually(
    "the watch is armed",
    async () => watched.parse(await (await send("GET", `/v1/watches/${id}`)).json()).armed,
    () => "",
    WAIT_MILLISECONDS_MAX,
  );
  const ids = ({ received }: Receiver) => new Set(received.map((each) => each.id)).size;
  await eventually(
    "all is delivered",
    () => ids(steady) === BATCHES * TRANSACTIONS && ids(moody) === BATCHES * TRANSACTIONS,
    () => [ids(steady), ids(moody)],
    WAIT_MILLISECONDS_MAX,
  );
  // No query was ended because of another one.
  expect(await shape.said()).not.toContain("CONNECTION_DESTROYED");
});
