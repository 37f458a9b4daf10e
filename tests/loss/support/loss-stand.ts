import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { askNode } from "../../../src/stack/nodes/ask-node.ts";
import { infoField } from "../../../src/decide/redis-settings.ts";
import { processesIn } from "../../../src/stack/postgres.ts";
import { eachHost } from "../../../src/tls/server-trust.ts";
import { eventually } from "../../support/eventually.ts";
import { type RunningStack, startStack } from "../../support/running-stack.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { AnsweredLoad, authorization } from "./answered-load.ts";
import { differencesFrom } from "./books-check.ts";

const ROOT = join(import.meta.dir, "../../..");
export const SHARDS = 3;
export const ALL = [0, 1, 2] as const;
const SHARD_FLAGS = ["--shards", String(SHARDS), "--writers", "2"];
const RECOVERY_MILLISECONDS_MAX = 90_000;

/** A stack with Redis on several nodes, as `razonete stack` starts it, under load; parts of it are lost, and all answers compared. */
export class LossStand implements AsyncDisposable {
  readonly load: AnsweredLoad;
  readonly #folder = temporaryFolder("loss");
  #stack: RunningStack | null = null;
  readonly #replicas: number;
  #isBroken = false;

  /** @param replicas of each shard; with none each shard is on a node of its own all the same */
  constructor(replicas: 0 | 2 = 2) {
    this.#replicas = replicas;
    this.load = new AnsweredLoad(() => this.stack, SHARDS);
  }

  get stack(): RunningStack {
    if (this.#stack === null) throw new Error("the stack does not run");
    return this.#stack;
  }

  get data(): string {
    return join(this.#folder.path, "data");
  }

  /** @returns after how many milliseconds it answers */
  async start(): Promise<number> {
    const begunAt = performance.now();
    const form = this.#replicas === 0 ? ["--redis-nodes", "3"] : ["--replicas", String(this.#replicas)];
    const flags = [...SHARD_FLAGS, ...form];
    // The port stays, so that clients find it again.
    const port = this.#stack === null ? 0 : Number(new URL(this.#stack.url).port);
    this.#stack = await startStack({
      data: this.data,
      real: true,
      flags,
      port,
      environment: { WEBHOOK_INNER: "allow" },
    });
    const response = await this.fetch("/v1/accounts/1");
    expect(response.status).toBe(200);
    return performance.now() - begunAt;
  }

  pid(name: string): number {
    return this.stack.pid(name);
  }

  signal(signal: NodeJS.Signals, ...names: readonly string[]): void {
    for (const name of names)
      for (const pid of this.#processesOf(name)) {
        try {
          process.kill(pid, signal);
        } catch {
          // It has just ended.
        }
      }
  }

  /** PostgreSQL's sessions are processes of their own. */
  #processesOf(name: string): number[] {
    return name.startsWith("postgres-") ? processesIn(join(this.data, name)) : [this.pid(name)];
  }

  /** The nodes of a shard, by what stack.json says: its primary first. One that was replaced and is away is not among them. */
  nodesOf(shard: number): string[] {
    const nodes = this.stack.description().processes.filter(({ shards }) => shards?.includes(shard) === true);
    const those = (wanted: string): string[] =>
      nodes.filter(({ role }) => role === wanted).map(({ name }) => name);
    return [...those("primary"), ...those("replica")];
  }

  primaryOf(shard: number): string {
    return String(this.nodesOf(shard)[0]);
  }

  urlOf(name: string): string {
    const place = Number(name.replace("redis-", "")) - 1;
    return String(eachHost(this.stack.description().redisUrl)[place]);
  }

  /** What is on the machine that has the primary of this shard, as the stack has placed it. */
  machineOf(shard: number): string[] {
    const number = machineOf(this.primaryOf(shard));
    return [...[0, 3, 6].map((more) => `redis-${number + more}`), `nats-${number}`];
  }

  /** What an API says of the shards that do not decide; null where all do. */
  async undecided(): Promise<string | null> {
    const response = await this.fetch("/readyz");
    const text = await response.text();
    return text === '{"status":"ready"}' ? null : text;
  }

  /** A request: a POST where it has a body. */
  fetch(path: string, token: string = this.load.token, body?: object): Promise<Response> {
    return fetch(`${this.stack.url}${path}`, {
      headers: { connection: "close", "content-type": "application/json", ...authorization(token) },
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    });
  }

  /** What the APIs have said since the start. */
  apiLogs(): string {
    return ["api-1", "api-2"]
      .map((name) => readFileSync(join(this.data, "logs", `${name}.log`), "utf8"))
      .join("");
  }

  /** A command of the program, to its end. */
  run(...args: readonly string[]): { code: number; stdout: string; stderr: string } {
    const command = [process.execPath, "src/cli/main.ts", ...args];
    const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: ROOT, stderr: "pipe" });
    return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  /** A command that a person was told, as a person gives it. */
  asOperator(command: string): void {
    const shell = ["sh", "-c", `. '${join(this.data, "operator.env")}' && ${command}`];
    const { stdout, stderr } = Bun.spawnSync(shell);
    expect([stdout.toString().trim(), stderr.toString()]).toEqual(["OK", ""]);
  }

  /** Until each node runs and follows, or is followed, and all shards decide. */
  async whole(): Promise<void> {
    let missing: unknown = null;
    await eventually(
      "the stack is whole again",
      async () => {
        missing = await this.#missing();
        return missing === null;
      },
      () => [missing, this.stack.output().slice(-3000)],
      RECOVERY_MILLISECONDS_MAX,
    );
  }

  /** Until no machine has two primaries: what comes back gets one only after a while. */
  async spread(): Promise<void> {
    await eventually(
      "no machine has two primaries",
      () => new Set(ALL.map((shard) => machineOf(this.primaryOf(shard)))).size === ALL.length,
      () => this.stack.description().processes,
      RECOVERY_MILLISECONDS_MAX,
    );
  }

  async #missing(): Promise<string | null> {
    for (const shard of ALL) {
      const [primary = "", ...replicas] = this.nodesOf(shard);
      if (replicas.length !== this.#replicas) return `shard ${shard} has ${replicas.length} replicas`;
      const [info] = await askNode(this.urlOf(primary), ["INFO", "replication"]);
      if (infoField(info, "role") !== "master") return `${primary} is no primary`;
      if ((String(info).match(/state=online/g) ?? []).length !== replicas.length)
        return `the replicas of ${primary} do not follow`;
    }
    return this.undecided();
  }

  /**
   * A loss under load: what is answered before, during and after it is there exactly once, as it was told, and the audit
   * agrees. Prints the longest time that each shard did not decide.
   */
  async survives(what: string, loss: () => Promise<void>): Promise<void> {
    if (this.#isBroken) throw new Error("the test before has not left it whole");
    this.#isBroken = true;
    const { load } = this;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    await loss();
    await load.goesOn(ALL);
    const seconds = load.longest().map((longest) => (longest / 1000).toFixed(1));
    console.log(`${what}: the shards did not answer for ${seconds.join(", ")} s at most`);
    await this.whole();
    await load.goesOn(ALL);
    await load.quiet();
    expect(await differencesFrom(this.stack.description().databaseUrl, load.answered)).toEqual([]);
    await this.#readBack();
    await this.#audit();
    this.#isBroken = false;
  }

  /** The latest of each shard, by its id, through the API. */
  async #readBack(): Promise<void> {
    for (const shard of ALL) {
      const latest = [...this.load.answered.values()].findLast((each) => each.shard === shard);
      const response = await this.fetch(`/v1/transactions/${latest?.id}`);
      expect(await response.json()).toMatchObject({ id: latest?.id ?? "" });
    }
  }

  /** Again where it could not look: a primary that is given back in between breaks it off. */
  async #audit(): Promise<void> {
    let audit = this.run("audit", "--stack", this.data);
    await eventually(
      "the audit has looked",
      () => {
        if (audit.code === 2) audit = this.run("audit", "--stack", this.data);
        return audit.code !== 2;
      },
      () => audit,
    );
    expect(audit).toMatchObject({ code: 0, stdout: expect.stringContaining("Agreed.") });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load.giveUp();
    await this.#stack?.[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

/** The number of the machine that a node is on. */
function machineOf(name: string): number {
  return ((Number(name.replace("redis-", "")) - 1) % SHARDS) + 1;
}
