import { expect } from "bun:test";
import { join } from "node:path";
import { chmodSync, mkdirSync } from "node:fs";
import { z } from "zod";
import { parseNodeLines } from "../../../src/decide/nodes/node-lines.ts";
import { connectPostgres } from "../../../src/keep/postgres-client.ts";
import { eventually } from "../../support/eventually.ts";
import { pathOf } from "../../support/servers/binaries.ts";
import { startPostgresPair } from "../../support/servers/postgres-pair.ts";
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
const PATH: Readonly<Record<string, string>> = { PATH: process.env["PATH"] ?? "" };
const REDIS_PORTS = [6379, 6380, 6381];
const API_PORT = 9999;
const POSTGRES_PORT = 5432;
const NATS_PORT = 4222;
const NATS_ROUTES_PORT = 6222;
const NATS_MONITOR_PORT = 8222;

/** The machines that NATS and PostgreSQL are on. */
interface Places {
  readonly nats: readonly string[];
  /** The primary, and its standby where there is one. */
  readonly books: readonly [primary: string] | readonly [primary: string, standby: string];
}

const ON_THE_THIRD: Places = { nats: ["c"], books: ["c"] };
/** Each machine has all that there is: NATS of three, and PostgreSQL on the first, its standby on the second. */
export const SHARED = { nats: MACHINES, books: ["a", "b"] } as const satisfies Places;
/** Several of each, and on machines of their own: so that nothing else is cut off with one of them. */
export const APART = { nats: ["x", "y", "z"], books: ["p", "s"] } as const satisfies Places;

const ready = z.object({ undecided: z.array(z.object({ shard: z.int() })).optional() });
const streams = z.object({
  account_details: z.tuple([
    z.object({ stream_detail: z.tuple([z.object({ cluster: z.object({ leader: z.string() }) })]) }),
  ]),
});

/**
 * Three machines in a network that can be cut, each with three nodes of Redis, an API and clients of it; on the third one is
 * the writer, too, and PostgreSQL and NATS, where they have no machines of their own. Set up as on machines of one's own:
 * without a supervisor.
 */
export class ThreeMachines implements AsyncDisposable {
  readonly network: TestNetwork;
  readonly load: AnsweredLoad;
  readonly #places: Places;
  readonly #folder = temporaryFolder("machines");
  readonly #children: Bun.Subprocess[] = [];
  #postgres: readonly PostgresServer[] = [];
  #databaseUrl = "";

  constructor(places: Places = ON_THE_THIRD) {
    this.#places = places;
    this.network = new TestNetwork([...new Set([...MACHINES, ...places.nats, ...places.books])]);
    // PostgreSQL runs as another user.
    chmodSync(this.#folder.path, 0o755);
    // Clients of each shard are at the first and at the second machine.
    this.load = new AnsweredLoad((_shard, client) => this.apiOf(MACHINES[client] ?? "a"), SHARDS);
  }

  async start(): Promise<void> {
    await this.#startBooks(this.#places.books);
    for (const machine of this.#places.nats) this.#startNats(machine);
    for (const machine of MACHINES) for (const redis of REDIS_PORTS) this.#startRedis(machine, redis);
    await this.join();
    await this.#done(this.run("c", "init"));
    this.#spawn("c", [process.execPath, MAIN, "writer"], this.#environment());
    for (const machine of MACHINES) {
      this.#spawn(machine, [process.execPath, MAIN, "api"], this.#environment());
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
    return parseNodeLines(this.#askRedis("CLUSTER", "NODES"))
      .filter(({ slots }) => slots.length > 0)
      .map(({ ip }) => MACHINES.find((machine) => this.network.addressOf(machine) === ip) ?? ip)
      .toSorted();
  }

  /** Of each shard the number of the first batch that waits in its outbox; null where none does. */
  firstWaiting(): (number | null)[] {
    return ALL.map((shard) => {
      const [id = ""] = this.#askRedis("XRANGE", `razonete:{${shard}}:outbox`, "-", "+", "COUNT", "1").split(
        "-",
      );
      return id === "" ? null : Number(id);
    });
  }

  /** The machine whose NATS leads the stream, as this one's has it; empty while none does. */
  streamLeader(machine: string): string {
    const url = `http://${this.network.addressOf(machine)}:${NATS_MONITOR_PORT}/jsz?streams=true`;
    const program = `process.stdout.write(await (await fetch(${JSON.stringify(url)})).text())`;
    const { stdout } = Bun.spawnSync([...this.network.on(machine), process.execPath, "-e", program]);
    const [
      {
        stream_detail: [{ cluster }],
      },
    ] = streams.parse(JSON.parse(stdout.toString())).account_details;
    return cluster.leader;
  }

  /** Asks a PostgreSQL of the books beside its network: the first one, 0, or its standby, 1. */
  async askBooks<Row extends object>(index: 0 | 1, statement: string): Promise<Row[]> {
    const url = new URL(this.#databaseUrl);
    url.port = String(this.#postgres[index]?.process.port);
    const sql = connectPostgres({ url: url.href, name: "test", connections_max: 1 });
    try {
      return await sql.unsafe<Row[]>(statement);
    } finally {
      await sql.end({ timeout: 1 });
    }
  }

  /** Cuts these off all others, and from each other. */
  cutOff(...alone: readonly string[]): void {
    const others = this.network.machines.filter((machine) => !alone.includes(machine));
    this.network.cut(others, ...alone.map((machine) => [machine]));
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

  /** The API of a machine, from outside the network. */
  apiOf(machine: string): Target & { readonly unix: string } {
    return { url: "http://api", unix: this.#socketOf(machine) };
  }

  /** The shards that do not decide for the API there. */
  async undecidedAt(machine: string): Promise<readonly number[]> {
    const { url, unix } = this.apiOf(machine);
    const response = await fetch(`${url}/readyz`, { unix, keepalive: false });
    if (response.status === 503) return ALL;
    const { undecided = [] } = ready.parse(await response.json());
    return undecided.map(({ shard }) => shard);
  }

  /** Until these shards do not decide for the API of a machine, and all others do. */
  async undecided(machine: string, shards: readonly number[]): Promise<void> {
    let told: readonly number[] = [];
    await eventually(
      `${machine} says that shards ${shards.join(", ")} do not decide`,
      async () => {
        told = await this.undecidedAt(machine);
        return Bun.deepEquals(told, shards);
      },
      () => told,
    );
  }

  /** Heals the network: all goes on by itself, nothing is lost, and each machine gets a primary again. */
  async healed(what: string): Promise<void> {
    const seconds = this.load.longest().map((longest) => (longest / 1000).toFixed(1));
    console.log(`${what}: the shards did not answer for ${seconds.join(", ")} s at most`);
    this.network.heal();
    for (const machine of MACHINES) await this.undecided(machine, []);
    await this.load.goesOn(ALL);
    await this.expectNothingLost();
    await this.join();
    expect(this.primaries()).toEqual([...MACHINES]);
  }

  /** All that was answered is there once, as it was told, and the audit agrees. */
  async expectNothingLost(): Promise<void> {
    await this.load.quiet();
    expect(await differencesFrom(this.#databaseUrl, this.load.answered)).toEqual([]);
    let audit = { code: 2, said: "" };
    // Again where it could not look: NATS chooses leaders for some seconds after it was whole again.
    await eventually(
      "the audit has looked",
      async () => (audit = await this.run("c", "audit")).code !== 2,
      () => audit,
    );
    expect(audit).toEqual({ code: 0, said: expect.stringContaining("Agreed.") });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load.giveUp();
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(this.#children.map(({ exited }) => exited));
    await Promise.all(this.#postgres.map(({ process }) => process.dispose()));
    this.network[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
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
    const { nats, books } = this.#places;
    const hosts = (machines: readonly string[], port: number): string =>
      machines.map((machine) => `${network.addressOf(machine)}:${port}`).join(",");
    const url = `postgres://${username}@${hosts(books, POSTGRES_PORT)}${pathname}`;
    return {
      ...PATH,
      PORT: String(API_PORT),
      SHARDS: String(SHARDS),
      DURABILITY: "relaxed",
      REDIS_URL: `redis-cluster://${nodes.join(",")}`,
      NATS_URL: `nats://${hosts(nats, NATS_PORT)}`,
      ...(books.length === 1
        ? { DATABASE_URL: url }
        : { DATABASE_URL: `${url}?target_session_attrs=primary`, MIN_STANDBYS: "1" }),
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
    const at = (of: string): string => `nats://${this.network.addressOf(of)}:${NATS_ROUTES_PORT}`;
    const { nats } = this.#places;
    const settings = {
      addr: this.network.addressOf(machine),
      port: String(NATS_PORT),
      http_port: String(NATS_MONITOR_PORT),
      store_dir: this.#emptyFolder(`nats-${machine}`),
      ...(nats.length === 1
        ? {}
        : { name: machine, cluster_name: "razonete", cluster: at(machine), routes: nats.map(at).join(",") }),
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    this.#spawn(machine, [pathOf("nats"), "--jetstream", ...flags]);
  }

  async #startBooks(machines: Places["books"]): Promise<void> {
    const addressOf = (machine: string): string => `${this.network.addressOf(machine)}:${POSTGRES_PORT}`;
    /** PostgreSQL is beside the network, and there by its socket. */
    const lead = (machine: string, { process: { port, logFile } }: PostgresServer): void =>
      this.#forward(machine, addressOf(machine), join(logFile, "..", `.s.PGSQL.${port}`));
    const [primary, standby] = machines;
    if (standby === undefined) {
      const postgres = await startPostgres();
      this.#postgres = [postgres];
      lead(primary, postgres);
    } else {
      const { first, second } = await startPostgresPair({
        wayTo: (server, index) => {
          const [own, other] = index === 0 ? [primary, standby] : [standby, primary];
          lead(own, server);
          // The other one goes through the network, too.
          const way = this.#emptyFolder(`way-to-${own}`);
          this.#forward(other, join(way, `.s.PGSQL.${POSTGRES_PORT}`), addressOf(own));
          return `host=${way} port=${POSTGRES_PORT}`;
        },
      });
      this.#postgres = [first, second];
    }
    this.#databaseUrl = String(await this.#postgres[0]?.createDatabase());
  }

  #askRedis(...command: readonly string[]): string {
    const at = ["redis-cli", "-c", "-h", this.network.addressOf("c")];
    return Bun.spawnSync([...this.network.on("c"), ...at, ...command])
      .stdout.toString()
      .trim();
  }

  #forward(machine: string, from: string, to: string): void {
    this.#spawn(machine, [process.execPath, join(import.meta.dir, "forward.ts"), from, to]);
  }

  #spawn(machine: string, command: readonly string[], environment = PATH): void {
    const child = Bun.spawn([...diesWithParent("KILL"), ...this.network.on(machine), ...command], {
      cwd: ROOT,
      env: environment,
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
