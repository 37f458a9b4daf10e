// Makes client/src/openapi.ts of the OpenAPI document: `npm run types` in client/. With `--check` it only says whether the
// file is that. Bun runs it, since it imports TypeScript.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import openapiTypescript, { astToString } from "openapi-typescript";
import { format } from "prettier";
import { openApiDocument } from "../../src/http/openapi/document.ts";

const FILE = join(import.meta.dirname, "../../client/src/openapi.ts");
const HEAD =
  "/** The routes of `/v1`. Made of the server's document by `npm run types`: never changed by hand. */\n\n";

const ast = await openapiTypescript(ofTheClient(openApiDocument()), { immutable: true });
const text = await format(HEAD + astToString(ast), { parser: "typescript", printWidth: 110 });
if (!process.argv.includes("--check")) {
  writeFileSync(FILE, text);
} else if (readFileSync(FILE, "utf8") !== text) {
  console.error("client/src/openapi.ts is not what the document makes: run `npm run types` in client/.");
  process.exitCode = 1;
}

/** What the client's types need: the routes of `/v1` with their successes. A problem may come from elsewhere, too. */
function ofTheClient({ openapi, info, paths, components }) {
  const routes = Object.entries(paths).filter(([path]) => path.startsWith("/v1/"));
  const kept = withoutProblems(Object.fromEntries(routes.map(([path, item]) => [path, reduced(item)])));
  const schemas = withoutProblems(components.schemas);
  const used = namesIn(kept, schemas, new Set());
  const named = Object.entries(schemas).filter(([name]) => used.has(name));
  return { openapi, info, paths: kept, components: { schemas: Object.fromEntries(named) } };
}

function reduced(item) {
  const operations = Object.entries(item).map(([method, operation]) => {
    const { operationId, summary, description, parameters = [], requestBody, responses } = operation;
    const successes = Object.entries(responses).filter(([status]) => status.startsWith("2"));
    const json = ({ description: told, content }) => {
      const body = content?.["application/json"];
      return { description: told, content: { "application/json": body } };
    };
    const kept = { operationId, summary, description, requestBody };
    const query = parameters.filter((parameter) => parameter.in === "query" || parameter.in === "path");
    const answers = Object.fromEntries(successes.map(([status, response]) => [status, json(response)]));
    return [method, { ...kept, parameters: query, responses: answers }];
  });
  return Object.fromEntries(operations);
}

/** Nor examples, which would be most of it. */
function withoutProblems(value) {
  const isProblem = (part) => /\/\w*Problem$/.test(part?.$ref ?? "");
  const copy = JSON.stringify(value, (name, part) => {
    if (name === "example" || name === "examples") return undefined;
    return Array.isArray(part) ? part.filter((one) => !isProblem(one)) : part;
  });
  return JSON.parse(copy);
}

function namesIn(value, schemas, found) {
  for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    if (found.has(name)) continue;
    found.add(name);
    namesIn(schemas[name], schemas, found);
  }
  return found;
}
