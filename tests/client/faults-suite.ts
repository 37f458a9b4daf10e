import { expect } from "bun:test";
import { join } from "node:path";
import { Razonete } from "../../client/src/razonete.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { parseEvent } from "../../src/ledger/event.ts";
import { idIn, isNamedId, nameIn } from "../../src/ledger/named-id.ts";
import { eventually } from "../support/eventually.ts";
import { Random } from "../support/random.ts";
import { type RunningStack, startStack } from "../support/running-stack.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { CommandMix } from "./support/command-mix.ts";

const ROOT = join(import.meta.dir, "../..");
const KILLED = ["haproxy", "api-1", "redis", "api-2"] as const;
/** An access key counts everywhere within this time. */
const WITHIN_MILLISECONDS = 5_000;
/** Of the access key that all commands come with. */
const KEY_NAME = "till";
const ACCOUNTS = ["{m}:a", "{m}:b", "{m}:c", "{m}:d", "{m}:e", "{m}:f"];

export interface FaultRun {
  readonly commands: number;
  readonly clients: number;
  /** Processes that are killed, evenly over the commands. */
  readonly kills: number;
  readonly seed: number;
}

/**
 * Commands through the client, with an access key, while HAProxy, the APIs and Redis are killed: in the end each has one
 * outcome that is known, the journal has each once, as it was told and under the key's name, and the audit finds nothing.
 *
 * @returns what happened, for people
 */
export async function everyCommandOnce({ commands, clients, kills, seed }: FaultRun): Promise<string> {
  using folder = temporaryFolder();
  const data = join(folder.path, "data");
  await using stack = await startStack({ data, real: true, flags: ["--no-initial-accounts"] });
  let requests = 0;
  const counting = Object.assign(
    (...request: Parameters<typeof fetch>) => {
      requests += 1;
      return fetch(...request);
    },
    { preconnect: fetch.preconnect },
  );
  const accessKey = await closedBy(stack);
  const options = { url: stack.url, accessKey, fetch: counting, deadlineMs: 120_000, attemptMs: 4000 };
  const ledger = new Razonete(options);
  const mix = new CommandMix(ledger, new Random(seed), ACCOUNTS);
  await mix.start();

  const running = mix.run(commands, clients);
  for (let kill = 0; kill < kills; kill += 1) {
    const due = Math.floor((commands * (kill + 0.5)) / kills);
    await eventually(
      `${due} commands are done`,
      () => mix.told.length >= due,
      () => mix.told.length,
      120_000,
    );
    await killAndWait(stack, KILLED[kill % KILLED.length] ?? "redis");
  }
  await running;

  // Among them whatever stayed unknown, or was given up.
  expect(mix.surprises).toEqual([]);
  expect(mix.told.length).toBeGreaterThanOrEqual(commands);
  for (const id of ACCOUNTS)
    expect([id, (await ledger.accounts.get(id)).balance]).toEqual([id, mix.balances.get(id) ?? 0]);
  await compareWithJournal(stack, mix);
  razonete("audit", "--stack", data);
  const { told, unknownAtFirst, replayed } = mix;
  const refused = told.filter(({ isDone }) => !isDone).length;
  return (
    `${told.length} commands (${refused} refused) in ${requests} requests while ${kills} processes were killed; ` +
    `${replayed} had been applied by an attempt whose answer was lost, ${unknownAtFirst} had to be settled; seed ${seed}`
  );
}

/** @returns an access key, without which nobody is let in any more */
async function closedBy({ data }: RunningStack): Promise<string> {
  const flags = ["--name", KEY_NAME, "--scopes", "admin", "--json", "--stack", data];
  const { key } = Object(JSON.parse(razonete("keys", "create", ...flags)));
  // An API that does not know of it yet would let its requests in as nobody's.
  await Bun.sleep(WITHIN_MILLISECONDS);
  return String(key);
}

/** Runs a command of the program to its end. @returns what it said */
function razonete(...args: readonly string[]): string {
  const command = [process.execPath, "src/cli/main.ts", ...args];
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: ROOT, stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`razonete ${args[0]}: ${stdout.toString()}${stderr.toString()}`);
  return stdout.toString();
}

/** The supervisor starts it again. */
async function killAndWait(stack: RunningStack, name: string): Promise<void> {
  const pid = stack.pid(name);
  process.kill(pid, "SIGKILL");
  await eventually(`${name} is back`, () => stack.pid(name) !== pid);
}

/** Each command has one event, of a refusal where it was refused, and with the access key's name. */
async function compareWithJournal(stack: RunningStack, { told }: CommandMix): Promise<void> {
  const wanted = new Map(told.map(({ id, isDone }) => [id, isDone]));
  expect(wanted.size).toBe(told.length);
  const sql = connectPostgres({ url: stack.description().databaseUrl, name: "test", connections_max: 1 });
  try {
    const events = async () => {
      const rows = await sql<
        { text: string }[]
      >`SELECT unnest(events) AS text FROM journal ORDER BY shard, g`;
      return rows.flatMap(({ text }) => commandIn(text));
    };
    let found: [string, boolean][] = [];
    await eventually("the books have every command", async () => {
      found = await events();
      return found.length >= told.length;
    });
    expect(found.length).toBe(told.length);
    expect(new Map(found)).toEqual(wanted);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** The id of the command that an event is the outcome of, and whether it was done. */
function commandIn(text: string): [string, boolean][] {
  const event = parseEvent(text);
  const id: unknown = event.type === "entry" ? event.entry.id : Object(event).id;
  if (typeof id !== "string" || !isNamedId(id)) return [];
  expect(nameIn(id)).toBe(KEY_NAME);
  return [[idIn(id), event.type !== "refusal"]];
}
