import { expect } from "bun:test";
import { join } from "node:path";
import { mkdirSync } from "node:fs";
import { z } from "zod";
import { parseNodeLines } from "../../../src/decide/nodes/node-lines.ts";
import { eventually } from "../../support/eventually.ts";
import { pathOf } from "../../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../../support/servers/postgres.ts";
import { diesWithParent } from "../../support/servers/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { AnsweredLoad, type Target } from "./answered-load.ts";
import { differencesFrom } from "./books-check.ts";
import { TestNetwork } from "./network.ts";

const ROOT = join(import.meta.dir, "../../..");
const MAIN = join(ROOT, "src/cli/main.ts");
const MACHINES = ["a", "b", "c"] as const;
export const SHARDS = 3;
export const ALL = [0, 1, 2] as const;
const REDIS_PORTS = [6379, 6380, 6381];
const API_PORT = 9999;
const POSTGRES_PORT = 5432;

const ready = z.object({ undecided: z.array(z.object({ shard: z.int() })).optional() });

/**
 * Three machines in a network that can be cut, each with three nodes of Redis, an API and clients of it; on the third one are
 * PostgreSQL, NATS and the writer, too. Set up as on machines of one's own: without a supervisor.
 */
export class ThreeMachines implements AsyncDisposable {
  readonly network = new TestNetwork(MACHINES);
  readonly load: AnsweredLoad;
  readonly #folder = temporaryFolder("machines");
  readonly #children: Bun.Subprocess[] = [];
  #postgres: PostgresServer | null = null;
  #databaseUrl = "";

  constructor() {
    // Clients of each shard are at the first and at the second machine.
    this.load = new AnsweredLoad((_shard, client) => this.#api(MACHINES[client] ?? "a"), SHARDS);
  }

  async start(): Promise<void> {
    this.#postgres = await startPostgres();
    this.#databaseUrl = await this.#postgres.createDatabase();
    const { port, logFile } = this.#postgres.process;
    const socket = join(logFile, "..", `.s.PGSQL.${port}`);
    this.#forward("c", `${this.network.addressOf("c")}:${POSTGRES_PORT}`, socket);
    this.#startNats("c");
    for (const machine of MACHINES) for (const redis of REDIS_PORTS) this.#startRedis(machine, redis);
    await this.join();
    await this.#done(this.run("c", "init"));
    this.#spawn("c", [process.execPath, MAIN, "writer"]);
    for (const machine of MACHINES) {
      this.#spawn(machine, [process.execPath, MAIN, "api"]);
      this.#forward(machine, this.#socketOf(machine), `127.0.0.1:${API_PORT}`);
    }
    for (const machine of MACHINES)
      await eventually(
        `the API of ${machine} decides`,
        async () => (await this.undecidedAt(machine)).length === 0,
      );
  }

  /** As an operator makes a cluster of the nodes, and makes it whole. */
  async join(): Promise<void> {
    await eventually(
      "the nodes are one cluster",
      async () => (await this.run("c", "redis-join", "--replicas", "2")).code === 0,
    );
  }

  /** Where the primaries are, as a node of the third machine has it, in order. */
  primaries(): string[] {
    const ask = [...this.network.on("c"), "redis-cli", "-h", this.network.addressOf("c"), "CLUSTER", "NODES"];
    return parseNodeLines(Bun.spawnSync(ask).stdout.toString())
      .filter(({ slots }) => slots.length > 0)
      .map(({ ip }) => MACHINES.find((machine) => this.network.addressOf(machine) === ip) ?? ip)
      .toSorted();
  }

  /** A command of the program, on a machine. */
  async run(machine: string, ...args: readonly string[]): Promise<{ code: number; said: string }> {
    const child = Bun.spawn([...this.network.on(machine), process.execPath, MAIN, ...args], {
      cwd: ROOT,
      env: this.#environment(),
      stdout: "pipe",
      stderr: "pipe",
    });
    const said = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { code: await child.exited, said: said.join("") };
  }

  /** The shards that do not decide for the API there. */
  async undecidedAt(machine: string): Promise<readonly number[]> {
    const { url, unix } = this.#api(machine);
    const response = await fetch(`${url}/readyz`, { unix, keepalive: false });
    if (response.status === 503) return ALL;
    const { undecided = [] } = ready.parse(await response.json());
    return undecided.map(({ shard }) => shard);
  }

  /** All that was answered is there once, as it was told, and the audit agrees. */
  async expectNothingLost(): Promise<void> {
    await this.load.quiet();
    expect(await differencesFrom(this.#databaseUrl, this.load.answered)).toEqual([]);
    expect(await this.run("c", "audit")).toEqual({ code: 0, said: expect.stringContaining("Agreed.") });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load.giveUp();
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(this.#children.map(({ exited }) => exited));
    await this.#postgres?.process.dispose();
    this.network[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }

  #api(machine: string): Target & { readonly unix: string } {
    return { url: "http://api", unix: this.#socketOf(machine) };
  }

  #socketOf(machine: string): string {
    return join(this.#folder.path, `${machine}.sock`);
  }

  #environment(): Record<string, string> {
    const { network } = this;
    const nodes = REDIS_PORTS.flatMap((port) =>
      MACHINES.map((machine) => `${network.addressOf(machine)}:${port}`),
    );
    const { username, pathname } = new URL(this.#databaseUrl);
    return {
      PATH: process.env["PATH"] ?? "",
      PORT: String(API_PORT),
      SHARDS: String(SHARDS),
      DURABILITY: "relaxed",
      REDIS_URL: `redis-cluster://${nodes.join(",")}`,
      NATS_URL: `nats://${network.addressOf("c")}:4222`,
      DATABASE_URL: `postgres://${username}@${network.addressOf("c")}:${POSTGRES_PORT}${pathname}`,
    };
  }

  #startRedis(machine: string, port: number): void {
    const dir = this.#emptyFolder(`redis-${machine}-${port}`);
    const settings = {
      bind: this.network.addressOf(machine),
      "protected-mode": "no",
      port: String(port),
      dir,
      appendonly: "yes",
      appendfsync: "always",
      save: "",
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    this.#spawn(machine, [pathOf("redis"), join(ROOT, "deploy/redis-cluster.conf"), ...flags]);
  }

  #startNats(machine: string): void {
    const at = ["--addr", this.network.addressOf(machine), "--port", "4222"];
    this.#spawn(machine, [pathOf("nats"), "--jetstream", "--store_dir", this.#emptyFolder("nats"), ...at]);
  }

  #forward(machine: string, from: string, to: string): void {
    this.#spawn(machine, [process.execPath, join(import.meta.dir, "forward.ts"), from, to]);
  }

  #spawn(machine: string, command: readonly string[]): void {
    const child = Bun.spawn([...diesWithParent("KILL"), ...this.network.on(machine), ...command], {
      cwd: ROOT,
      env: this.#environment(),
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    this.#children.push(child);
  }

  #emptyFolder(name: string): string {
    const path = join(this.#folder.path, name);
    mkdirSync(path);
    return path;
  }

  async #done(run: Promise<{ code: number; said: string }>): Promise<void> {
    expect(await run).toMatchObject({ code: 0 });
  }
}
