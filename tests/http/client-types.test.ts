import { expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** What a stranger makes of the OpenAPI document: types by openapi-typescript, and a client of them by openapi-fetch. */

const ROOT = join(import.meta.dir, "../..");
const TOOL = join(ROOT, "scripts/client-types");

const PROGRAM = `
import createClient from "openapi-fetch";
import type { components, paths } from "./api.ts";

const api = createClient<paths>({ baseUrl: String(process.argv[2]) });
const opened = await api.POST("/v1/accounts", {
  params: { header: { "Idempotency-Key": "open-acme" } },
  body: { id: "acme", unit: "CREDITS", metadata: { plan: "pro" } },
});
const account: components["schemas"]["Account"] | undefined = opened.data;
const moved = await api.POST("/v1/transactions", {
  body: {
    postings: [{ from: "@world", to: "acme", amount: 5000 }],
    conditions: [{ account: "acme", balance: { eq: 0 } }],
  },
});
const held = await api.POST("/v1/holds", { body: { from: "acme", amount: 30000 } });
const hold = await api.POST("/v1/holds", { body: { from: "acme", amount: 300 } });
const captured = await api.POST("/v1/holds/{id}/capture", {
  params: { path: { id: hold.data?.id ?? "" } },
  body: { amount: 12 },
});
const list = await api.GET("/v1/accounts", {
  params: { query: { limit: 1, metadata: { "metadata.plan": "pro" } } },
  querySerializer: { object: { style: "form", explode: true } },
});
const refusal =
  held.error?.type === "urn:razonete:problem:limit-exceeded" ? held.error.account : "another problem";
console.log(
  JSON.stringify({
    opened: account?.balance,
    moved: moved.response.status,
    refusal,
    available: captured.data?.account.available,
    list: list.data?.data.map(({ id }) => id),
  }),
);
`;

/** Each of these has to be an error of the types. */
const WRONG = [
  `await api.POST("/v1/accounts", { body: { id: "acme" } });`,
  `await api.POST("/v1/holds", { body: { from: "acme", amount: "300" } });`,
  `await api.GET("/v1/nothing");`,
  `opened.data?.balances;`,
  `held.error?.type === "urn:razonete:problem:nothing";`,
];

function run(cwd: string, ...command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd, stdout: "pipe", stderr: "pipe" });
  const said = stdout.toString() + stderr.toString();
  if (exitCode !== 0) throw new Error(said);
  return said;
}

test("types and a client that are made from the OpenAPI document compile, and run against a server", async () => {
  using folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  await using server = await startServer({ data: at("data") });
  writeFileSync(at("openapi.json"), await (await fetch(`${server.url}/openapi.json`)).text());
  run(ROOT, "node", "scripts/install.mjs", "scripts/client-types");
  const openapiTypescript = join(TOOL, "node_modules/openapi-typescript/bin/cli.js");
  run(folder.path, "node", openapiTypescript, "openapi.json", "--output", "api.ts");
  symlinkSync(join(ROOT, "node_modules"), at("node_modules"));
  const options = { extends: join(ROOT, "tsconfig.json"), include: ["*.ts"] };
  writeFileSync(at("tsconfig.json"), JSON.stringify(options));
  writeFileSync(at("program.ts"), PROGRAM);
  const tsc = join(ROOT, "node_modules/.bin/tsc");
  run(folder.path, tsc);
  expect(JSON.parse(run(folder.path, process.execPath, "program.ts", server.url))).toEqual({
    opened: 0,
    moved: 201,
    refusal: "acme",
    available: 4988,
    list: ["acme"],
  });

  writeFileSync(at("program.ts"), PROGRAM + WRONG.join("\n"));
  const errors = Bun.spawnSync([tsc, "--pretty", "false"], { cwd: folder.path }).stdout.toString();
  const lines = [...errors.matchAll(/^program\.ts\((\d+)/gm)].map(([, line]) => Number(line));
  const first = PROGRAM.split("\n").length;
  expect([...new Set(lines)]).toEqual(WRONG.map((_, index) => first + index));
}, 180_000);
