import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { migrate } from "../../src/keep/migrate.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { withCa } from "../../src/tls/server-trust.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { TestCa } from "../support/servers/certificates.ts";
import { freePorts } from "../support/servers/free-ports.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** DATABASE_URL with several hosts, of which some are down, silent, or not who they should be. */

failOnLeaks();
setDefaultTimeout(60_000);

/** What takes longer is ended, and has no exit code of its own. */
const END_MILLISECONDS_MAX = 30_000;
const BROKEN = ["refuses", "is silent", "has no address"] as const;
const READING = ["keys", "list"];
const WRITING = ["keys", "create", "--name", "shop", "--scopes", "admin"];

describe.skipIf(serversMissing !== null)("PostgreSQL of several hosts", () => {
  const folder = temporaryFolder("hosts");
  let server: PostgresServer;
  let other: PostgresServer;
  let silent: SilentServer;
  let ours: TestCa;
  let broken: Record<(typeof BROKEN)[number], string>;

  beforeAll(async () => {
    ours = new TestCa(folder.path, "ours");
    // By address only: as "localhost" it is a server of a wrong name.
    const tls = ours.issue("IP:127.0.0.1");
    [server, other, silent] = await Promise.all([
      startPostgres({ tls }),
      startPostgres(),
      SilentServer.start(),
    ]);
    const [port = 0] = await freePorts(1);
    broken = {
      refuses: `127.0.0.1:${port}`,
      "is silent": `127.0.0.1:${silent.port}`,
      "has no address": "no-such-host.invalid:5432",
    };
  });

  afterAll(async () => {
    await Promise.all([server.process.dispose(), other.process.dispose(), silent.stop()]);
    folder[Symbol.dispose]();
  });

  /** Of a database with books, with the host in it. */
  async function books(): Promise<{ readonly url: string; readonly host: string }> {
    const url = await server.emptyDatabase();
    await using sql = pool(url);
    await migrate(sql.sql);
    return { url, host: new URL(url).host };
  }

  const severalHosts = (url: string, ...hosts: readonly string[]): string =>
    url.replace(new URL(url).host, hosts.join(","));

  for (const what of BROKEN) {
    for (const place of ["first", "last"] as const) {
      test(`the ${place} one ${what}: commands that read and that write are answered by the other`, async () => {
        const { url, host } = await books();
        const hosts = place === "first" ? [broken[what], host] : [host, broken[what]];
        const environment = { DATABASE_URL: severalHosts(url, ...hosts) };
        expect(await toTheEnd(READING, environment)).toEqual({
          code: 0,
          stdout: expect.stringContaining("No access key was made"),
          stderr: "",
        });
        expect(await toTheEnd(WRITING, environment)).toMatchObject({ code: 0, stderr: "" });
        expect((await toTheEnd(READING, environment)).stdout).toContain("shop");
      });
    }

    test(`each of them ${what}: a command ends, and says it in one sentence`, async () => {
      const { url } = await books();
      const DATABASE_URL = severalHosts(url, broken[what], broken[what]);
      for (const command of [READING, WRITING]) {
        const { code, stderr } = await toTheEnd(command, { DATABASE_URL });
        const place = broken[what].replaceAll(".", String.raw`\.`);
        expect(stderr).toMatch(
          new RegExp(
            `^razonete: PostgreSQL \\(DATABASE_URL\\) cannot be asked: ${place}[^\\n]+; ${place}[^\\n]+\\.\\n$`,
          ),
        );
        expect(code).toBe(1);
      }
    });

    test(`each of them ${what}: an API and a writer start, wait, and end where they are told to`, async () => {
      const { url } = await books();
      const DATABASE_URL = severalHosts(url, broken[what], broken[what]);
      for (const [name, said] of [
        ["api", "The access keys are not known yet"],
        ["writer", "PostgreSQL cannot be used"],
      ] as const) {
        await using child = start([name], { DATABASE_URL });
        await child.says(said);
        child.stop();
        expect([name, await child.ended]).toEqual([name, 0]);
      }
    });
  }

  test("with TLS, a silent one is passed over; one of another name is told", async () => {
    const { url, host } = await books();
    const trusting = (...hosts: readonly string[]) =>
      withCa(`${severalHosts(url, ...hosts)}?sslmode=verify-full`, ours.file);
    for (const hosts of [
      [broken["is silent"], host],
      [host, broken["is silent"]],
    ])
      expect(await toTheEnd(READING, { DATABASE_URL: trusting(...hosts) })).toMatchObject({ code: 0 });
    const renamed = host.replace("127.0.0.1", "localhost");
    for (const hosts of [
      [renamed, host],
      [host, renamed],
    ]) {
      const { code, stderr } = await toTheEnd(READING, { DATABASE_URL: trusting(...hosts) });
      expect(stderr).toMatch(
        /^razonete: the certificate of localhost:\d+ \(DATABASE_URL\) is for 127\.0\.0\.1, and not for localhost: [^\n]+\.\n$/,
      );
      expect(code).toBe(1);
    }
    // What the look at the start does not see, since the certificate may change after it.
    await using mixed = pool(trusting(renamed, host));
    expect(await mixed.hostPort()).toBe(Number(host.split(":")[1]));
    await using wrong = pool(trusting(renamed, renamed));
    expect(wrong.hostPort()).rejects.toThrow(/localhost:\d+: .*certificate.*; localhost:\d+: .*certificate/);
  });

  test("one that was lost is left for the other, and a frozen one, too", async () => {
    const hosts = [new URL(other.url).host, new URL(server.url).host];
    await using both = pool(severalHosts(server.url, ...hosts));
    expect(await both.hostPort()).toBe(other.process.port);
    await other.process.kill();
    await eventually("the other one answers", async () =>
      both.hostPort().then(
        (port) => port === server.process.port,
        () => false,
      ),
    );
    await other.process.start();
    other.freeze();
    try {
      await using late = pool(severalHosts(server.url, ...hosts));
      expect(await late.hostPort()).toBe(server.process.port);
    } finally {
      other.thaw();
    }
  });

  test("a first query is rejected where its connection is lost", async () => {
    // The client takes a connection for one that connects, until its first query has ended.
    const hosts = [new URL(other.url).host, new URL(server.url).host];
    await using both = pool(`${severalHosts(server.url, ...hosts)}?target_session_attrs=primary`);
    const lost = both.sql`SELECT pg_sleep(60)`.then(
      () => "answered",
      () => "rejected",
    );
    await using look = pool(other.url);
    await eventually("it is under way", async () => {
      const sleeping = await look.sql`SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'`;
      return sleeping.length === 1;
    });
    await other.process.kill();
    expect(await lost).toBe("rejected");
    await other.process.start();
  });

  test("a pool whose hosts were all down works as soon as one is back", async () => {
    const down = new URL(other.url).host;
    await other.process.kill();
    await using both = pool(severalHosts(other.url, broken.refuses, down));
    for (let times = 0; times < 3; times += 1) expect(both.hostPort()).rejects.toThrow(`${down}: `);
    await other.process.start();
    await eventually("it is back", () =>
      both.hostPort().then(
        () => true,
        () => false,
      ),
    );
  });

  test("a standby is left for the primary, where the URL asks for that", async () => {
    const { process } = other;
    const signal = join(dirname(process.logFile), "data/standby.signal");
    await process.stop();
    writeFileSync(signal, "");
    await process.start();
    try {
      const hosts = [new URL(other.url).host, new URL(server.url).host];
      await using any = pool(severalHosts(server.url, ...hosts));
      expect(await any.hostPort()).toBe(process.port);
      for (const order of [hosts, hosts.toReversed()]) {
        await using primary = pool(`${severalHosts(server.url, ...order)}?target_session_attrs=primary`);
        // Of the first query, as a command has no second one.
        expect(await primary.hostPort()).toBe(server.process.port);
      }
      await server.process.stop();
      try {
        await using none = pool(`${severalHosts(server.url, ...hosts)}?target_session_attrs=primary`);
        for (let times = 0; times < 3; times += 1)
          expect(none.hostPort()).rejects.toThrow(`CONNECTION_DESTROYED ${hosts.join(",")}`);
      } finally {
        await server.process.start();
      }
    } finally {
      await process.stop();
      rmSync(signal);
      await process.start();
    }
  });

  for (const sslmode of ["disable", "verify-full"]) {
    test(`nothing is left of pools that end while they connect (sslmode=${sslmode})`, async () => {
      const url = withCa(`${server.url}?sslmode=${sslmode}`, ours.file);
      const ends = Array.from({ length: 24 }, async (_, index) => {
        const sql = connectPostgres({ url, name: "ends", connections_max: 1 });
        const query = sql`SELECT 1`.catch(() => {});
        await Bun.sleep(index / 2);
        await sql.end({ timeout: 0 });
        await query;
      });
      await Promise.all(ends);
      // What was begun before the end would be there by then.
      await Bun.sleep(500);
      await using look = pool(server.url);
      await eventually("no session is left", async () => {
        const sessions = await look.sql`SELECT FROM pg_stat_activity WHERE application_name = 'ends'`;
        return sessions.length === 0;
      });
    });
  }
});

/** Takes connections, and never says anything: as the kernel does for a server that is frozen. */
class SilentServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
      socket.resume();
    });
  }

  static async start(): Promise<SilentServer> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new SilentServer(server);
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function pool(url: string) {
  const sql = connectPostgres({ url, name: "test", connections_max: 1 });
  return {
    sql,
    hostPort: async (): Promise<unknown> => (await sql`SELECT inet_server_port() AS port`)[0]?.["port"],
    [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }),
  };
}

function start(command: readonly string[], environment: Readonly<Record<string, string>>) {
  const child = Bun.spawn([...SOURCE_PROGRAM, ...command], {
    env: {
      PATH: process.env["PATH"] ?? "",
      REDIS_URL: "redis://127.0.0.1:1",
      NATS_URL: "nats://127.0.0.1:1",
      DRAIN_MS: "0",
      PORT: "0",
      ...environment,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: END_MILLISECONDS_MAX,
    killSignal: "SIGKILL",
  });
  const said = { stdout: "", stderr: "" };
  const read = async (name: keyof typeof said): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of child[name]) said[name] += decoder.decode(bytes, { stream: true });
  };
  const ended = Promise.all([child.exited, read("stdout"), read("stderr")]).then(([code]) => code);
  return {
    said,
    ended,
    says: (text: string) =>
      eventually(
        `it says: ${text}`,
        () => (said.stdout + said.stderr).includes(text),
        () => said,
      ),
    stop: () => child.kill("SIGTERM"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function toTheEnd(command: readonly string[], environment: Readonly<Record<string, string>>) {
  const { said, ended } = start(command, environment);
  const code = await ended;
  return { code, ...said };
}
