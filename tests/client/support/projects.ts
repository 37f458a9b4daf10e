import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Empty projects as a user has them, into which the package is installed from its tarball, without a network. */

const ROOT = join(import.meta.dir, "../../..");
const TSC = join(ROOT, "node_modules/.bin/tsc");

/** What each of them runs: a hold and a capture, a refusal, a walk through a list, and the events of it all. */
const STORY = `import { HoldError, Razonete, RefusedError, type Outcome, type Hold } from "razonete-client";

export async function story(url: string, id: string): Promise<string> {
  const ledger = new Razonete({ url });
  await ledger.accounts.open({ id, unit: "CREDITS" });
  await ledger.transactions.create({ postings: [{ from: "@world", to: id, amount: 5000 }] });
  const { hold, result } = await ledger.withHold(id, 3000, async (open) => {
    return { amount: 1234, result: \`answer for \${open.amount}\` };
  });
  const refused: unknown = await ledger.holds.create({ from: id, amount: 4000 }).catch((error: unknown) => error);
  const reason = refused instanceof RefusedError ? refused.reason : "none";
  const outcome: Outcome<Hold> = await ledger.holds.release(hold.id).outcome();
  const state = outcome.type === "refused" ? outcome.problem.state : outcome.type;
  const entries: number[] = [];
  for await (const entry of ledger.accounts.entries(id)) entries.push(entry.amount);
  const types: string[] = [];
  for await (const event of ledger.events.stream({ account: id })) {
    if (types.push(event.type) === 4) break;
  }
  return JSON.stringify([types, hold.state, hold.account.available, result, reason, state, entries, typeof HoldError]);
}
`;

const ENTRIES = [-1234, 5000];
export const STORY_END = JSON.stringify([
  ["account.opened", "transaction.created", "hold.created", "hold.captured"],
  "captured",
  3766,
  "answer for 3000",
  "limit-exceeded",
  "captured",
  ENTRIES,
  "function",
]);

const MAIN = `import { story } from "./story.js";
const [url = "", id = ""] = process.argv.slice(2);
console.log(await story(url, id));
`;

const PAGE = `import { Razonete } from "razonete-client";
import { story } from "./story.js";
Object.assign(globalThis, { story, Razonete });
`;

const PROCESS = "declare const process: { readonly argv: readonly string[] };";

/** @param installer with the tarball as its last argument */
export function makeProject(folder: string, installer: readonly string[]): void {
  mkdirSync(join(folder, "src"), { recursive: true });
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  write("package.json", JSON.stringify({ name: "project", private: true, type: "module" }));
  write("src/story.ts", STORY);
  write("src/main.ts", MAIN);
  write("src/page.ts", PAGE);
  run(folder, installer);
}

/** Of a strict consumer; what the package declares is checked with it. */
export function typeCheck(folder: string, options: Readonly<Record<string, unknown>>, emit = false): void {
  const isForNode = options["types"] !== undefined;
  writeFileSync(join(folder, "src/process.d.ts"), isForNode ? "" : PROCESS);
  const compilerOptions = {
    target: "es2022",
    lib: ["es2022", "dom"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    types: [],
    rootDir: "src",
    outDir: "out",
    noEmit: !emit,
    ...options,
  };
  const file = join(folder, "tsconfig.json");
  writeFileSync(file, JSON.stringify({ compilerOptions, include: ["src"] }));
  run(folder, [TSC, "-p", file]);
}

/** Calls that are wrong, each with what is said of it: the types must not be lost on their way. */
export const WRONG: readonly (readonly [call: string, told: string])[] = [
  ['ledger.holds.create({ from: "acme" })', "Property 'amount' is missing"],
  ['ledger.accounts.list({ state: "gone" })', "'\"gone\"' is not assignable"],
  ['(await ledger.holds.get("h1")).account', "Property 'account' does not exist"],
  [
    '(await ledger.holds.create({ from: "a", amount: 1 }).outcome()).value',
    "Property 'value' does not exist",
  ],
  ['ledger.withHold("acme", 1, () => undefined)', "'undefined' is not assignable"],
  ['ledger.events.stream({ types: ["hold.gone"] })', "'\"hold.gone\"' is not assignable"],
  [
    '(await ledger.events.list()).data.map((one) => one.type === "account.opened" && one.data.accounts)',
    "Property 'accounts' does not exist",
  ],
];

/** What tsc says of these calls; the first is in line 2. */
export function complaints(folder: string): string {
  const head =
    'import { Razonete } from "razonete-client"; const ledger = new Razonete({ url: "http://x" });';
  const calls = WRONG.map(([call], index) => `export const wrong${index} = ${call};`);
  return complaint(folder, [head, ...calls].join("\n"));
}

/** What the examples of the README take for given. */
const GIVEN = `import { Razonete, RefusedError, type Used, verifyWebhook, type WebhookHeaders } from "razonete-client";
declare const ledger: Razonete;
declare const [accessKey, prompt, account]: readonly [string, string, string];
declare const model: { ask(prompt: string): Promise<{ readonly cost: number; readonly text: string }> };
declare const postings: readonly { readonly from: string; readonly to: string; readonly amount: number }[];
declare const amount: number;
declare const work: () => Used;
declare function show(text: string): void;
declare const copy: { readonly cursor?: string };
declare function save(row: Readonly<Record<"balance" | "available" | "seq", number>> & { readonly cursor: string }): Promise<void>;
declare function once(id: string, work: () => void): Promise<void>;
declare const secret: string;
interface Incoming { readonly headers: WebhookHeaders }
interface Outgoing { writeHead(status: number): { end(): void } }
declare function createServer(listener: (request: Incoming, response: Outgoing) => Promise<void>): unknown;
declare function text(request: Incoming): Promise<string>;
`;

/** What tsc says of the examples in a document; nothing where all is well. */
export function complaintOfExamples(folder: string, document: string): string {
  const blocks = [...document.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);
  if (blocks.length === 0) throw new Error("the document has no examples");
  const bodies = blocks.map((code) => code.replaceAll(/^import .*$/gm, ""));
  const examples = bodies.map((code, index) => `export async function example${index}() {\n${code}}`);
  return complaint(folder, GIVEN + examples.join("\n"));
}

function complaint(folder: string, code: string): string {
  const file = join(folder, "src/checked.ts");
  writeFileSync(file, code);
  try {
    typeCheck(folder, { module: "node16", moduleResolution: "node16" });
    return "";
  } catch (error) {
    return String(error);
  } finally {
    rmSync(file);
  }
}

/** Packs the package as `npm pack` does, from a copy, so that nothing is left behind. */
export function pack(folder: string): string {
  const copy = join(folder, "copy");
  cpSync(join(ROOT, "client"), join(copy, "client"), {
    recursive: true,
    filter: (path) => !path.endsWith("/dist"),
  });
  cpSync(join(ROOT, "tsconfig.json"), join(copy, "tsconfig.json"));
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  run(join(copy, "client"), ["npm", "pack", "--pack-destination", folder]);
  return join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
}

/** @throws Error with all that it said, where it fails */
export function run(cwd: string, command: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { cwd, stderr: "pipe", timeout: 120_000 });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stdout.toString()}${stderr.toString()}`);
  return stdout.toString();
}
