import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "@nats-io/transport-node";
import { natsOptions } from "../../src/carry/nats-address.ts";
import { connectRedis } from "../../src/decide/redis-client.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { freePorts } from "../support/servers/free-ports.ts";
import { withCa } from "../../src/tls/server-trust.ts";
import { TestCa } from "../support/servers/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type NatsServer, startNats } from "../support/servers/nats.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { type RedisServer, startRedis } from "../support/servers/redis.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const programs = ["init", "api", "writer", "audit", "restore", "rebuild", "keys list"] as const;

describe.skipIf(serversMissing !== null)("TLS with the cluster's servers", () => {
  const folder = temporaryFolder("tls");
  let ours: TestCa;
  let others: TestCa;
  let redis: RedisServer;
  let nats: NatsServer;
  let postgres: PostgresServer;
  let plainNats: NatsServer;
  let plainPostgres: PostgresServer;
  let urls: Urls;

  beforeAll(async () => {
    ours = new TestCa(folder.path, "ours");
    others = new TestCa(folder.path, "others");
    // By address only: as "localhost" they are servers of a wrong name.
    const files = ours.issue("IP:127.0.0.1");
    [redis, nats, postgres, plainNats, plainPostgres] = await Promise.all([
      startRedis(),
      startNats(files),
      startPostgres({ tls: files }),
      startNats(),
      startPostgres(),
    ]);
    const [port = 0] = await freePorts(1);
    Object.assign(redis.settings, {
      "tls-port": String(port),
      "tls-cert-file": files.cert,
      "tls-key-file": files.key,
      "tls-ca-cert-file": ours.file,
      "tls-auth-clients": "no",
    });
    await redis.process.stop();
    await redis.process.start();
    urls = {
      DATABASE_URL: `${await postgres.createDatabase()}?sslmode=verify-full`,
      REDIS_URL: `rediss://127.0.0.1:${port}`,
      NATS_URL: nats.url.replace("nats:", "tls:"),
    };
  });

  afterAll(async () => {
    await Promise.all(
      [redis, nats, postgres, plainNats, plainPostgres].map((server) => server?.process.dispose()),
    );
    folder[Symbol.dispose]();
  });

  test("every program of ours works over it, with a CA of one's own", async () => {
    const environment = { ...urls, CA_FILE: ours.file, DURABILITY: "relaxed", PORT: "0" };
    expect(await toTheEnd("init", environment)).toMatchObject({ code: 0 });
    const writer = start("writer", environment);
    const api = start("api", environment);
    try {
      const url = await listening(api);
      await eventually("the API is ready", async () => (await fetch(`${url}/readyz`)).ok);
      const opened = await fetch(`${url}/v1/accounts`, {
        method: "POST",
        body: '{"id":"a","unit":"TOKENS"}',
      });
      expect(opened.status).toBe(201);
      await eventually("the books have it", async () => {
        const { data } = Object(await (await fetch(`${url}/v1/accounts?unit=TOKENS`)).json());
        return data.length === 1;
      });
      expect(await toTheEnd("keys list", environment)).toMatchObject({ code: 0 });
      expect(await toTheEnd("audit", environment)).toMatchObject({ code: 0 });
      expect(await toTheEnd("restore", environment, "--dry-run")).toMatchObject({ code: 0 });
      expect(await toTheEnd("rebuild", environment, "--dry-run")).toMatchObject({ code: 0 });
    } finally {
      await Promise.all([end(api), end(writer)]);
    }
  });

  describe.each(programs)("razonete %s", (program) => {
    // Each server in turn is the wrong one, the others are as they should be.
    const wrong = servers(program);

    test("refuses a server whose certificate is from another CA, and says what to do", async () => {
      await all(wrong, async (name) => {
        const trusted = { ...trusting(urls, ours.file), [name]: trusting(urls, others.file)[name] };
        const { code, stderr } = await toTheEnd(program, trusted);
        expect(stderr).toMatch(
          new RegExp(
            `^razonete: the certificate of 127.0.0.1:\\d+ \\(${name}\\) is from a CA that is not trusted here ` +
              `\\([^\\n]+\\): name the PEM file of the server's CA in CA_FILE\\.\\n$`,
          ),
        );
        expect(code).toBe(program === "audit" ? 2 : 1);
      });
    });

    test("refuses a server of another name, and says which names it has", async () => {
      await all(wrong, async (name) => {
        const named = { ...trusting(urls, ours.file) };
        named[name] = named[name].replace("127.0.0.1", "localhost");
        const { code, stderr } = await toTheEnd(program, named);
        expect(stderr).toMatch(
          new RegExp(
            `^razonete: the certificate of localhost:\\d+ \\(${name}\\) is for 127.0.0.1, and not for localhost: ` +
              `write one of its names in ${name}, or give the server a certificate for this one\\.\\n$`,
          ),
        );
        expect(code).toBe(program === "audit" ? 2 : 1);
      });
    });

    test("refuses a server without TLS, and says how to go on", async () => {
      await all(wrong, async (name) => {
        const plain = { ...trusting(urls, ours.file), [name]: plainUrls()[name] };
        const { code, stderr } = await toTheEnd(program, plain);
        expect(stderr).toMatch(
          new RegExp(
            `^razonete: 127.0.0.1:\\d+ \\(${name}\\) is to speak TLS and does not: turn TLS on there, or write [^\\n]+\\.\\n$`,
          ),
        );
        expect(code).toBe(program === "audit" ? 2 : 1);
      });
    });
  });

  // What a program looks at when it starts may be another server a moment later.
  describe("the clients themselves", () => {
    const variants = (): [string, Urls, boolean][] => {
      const right = trusting(urls, ours.file);
      const renamed = { ...right };
      for (const name of ALL) renamed[name] = renamed[name].replace("127.0.0.1", "localhost");
      return [
        ["the right one", right, true],
        ["another CA", trusting(urls, others.file), false],
        ["the CAs of this machine", urls, false],
        ["another name", renamed, false],
        ["no TLS", plainUrls(), false],
      ];
    };

    test("of Redis take the right server, and no other", async () => {
      for (const [what, { REDIS_URL }, works] of variants())
        expect([what, await redisWorks(REDIS_URL)]).toEqual([what, works]);
    });

    test("of NATS take the right server, and no other", async () => {
      for (const [what, { NATS_URL }, works] of variants())
        expect([what, await natsWorks(NATS_URL)]).toEqual([what, works]);
    });

    test("of PostgreSQL take the right one of several; one of another name is told at the start", async () => {
      const { host } = new URL(urls.DATABASE_URL);
      const [port = 0] = await freePorts(1);
      const several = trusting(
        { ...urls, DATABASE_URL: urls.DATABASE_URL.replace(host, `127.0.0.1:${port},${host}`) },
        ours.file,
      );
      expect(await postgresWorks(several.DATABASE_URL)).toBe(true);
      const renamed = several.DATABASE_URL.replaceAll("127.0.0.1", "localhost");
      const { stderr } = await toTheEnd("keys list", { ...several, DATABASE_URL: renamed });
      expect(stderr).toMatch(/^razonete: the certificate of localhost:\d+ \(DATABASE_URL\) is for 127.0.0.1/);
    });

    test("of NATS take the right one of several; one of another name is told at the start", async () => {
      const { host } = new URL(urls.NATS_URL);
      const [port = 0] = await freePorts(1);
      const naming = (...hosts: readonly string[]): Urls =>
        trusting({ ...urls, NATS_URL: urls.NATS_URL.replace(host, hosts.join(",")) }, ours.file);
      for (const several of [
        [`127.0.0.1:${port}`, host],
        [host, `127.0.0.1:${port}`],
        // The client does not say to which of them it is connected.
        [`localhost:${port}`, host],
      ])
        expect([several, await natsWorks(naming(...several).NATS_URL)]).toEqual([several, true]);
      const renamed = host.replace("127.0.0.1", "localhost");
      expect(await natsWorks(naming(`localhost:${port}`, renamed).NATS_URL)).toBe(false);
      for (const wrong of [naming(host, renamed), naming(renamed, host)]) {
        const { code, stderr } = await toTheEnd("writer", wrong);
        expect(stderr).toMatch(/^razonete: the certificate of localhost:\d+ \(NATS_URL\) is for 127.0.0.1/);
        expect(code).toBe(1);
      }
    });

    test("of PostgreSQL take the right server, and no other", async () => {
      for (const [what, { DATABASE_URL }, works] of variants())
        expect([what, await postgresWorks(DATABASE_URL)]).toEqual([what, works]);
    });
  });

  function plainUrls(): Urls {
    return trusting(
      {
        DATABASE_URL: `${plainPostgres.url}?sslmode=verify-full`,
        REDIS_URL: redis.url.replace("redis:", "rediss:"),
        NATS_URL: plainNats.url.replace("nats:", "tls:"),
      },
      ours.file,
    );
  }
});

const ALL = ["DATABASE_URL", "REDIS_URL", "NATS_URL"] as const;
type Urls = Record<(typeof ALL)[number], string>;

async function all<Item>(items: readonly Item[], check: (item: Item) => Promise<void>): Promise<void> {
  await Promise.all(items.map(check));
}

function servers(program: string): readonly (typeof ALL)[number][] {
  if (program === "rebuild" || program === "keys list") return ["DATABASE_URL"];
  return program === "init" ? ["DATABASE_URL", "REDIS_URL"] : ALL;
}

function trusting(urls: Urls, file: string): Urls {
  return {
    DATABASE_URL: withCa(urls.DATABASE_URL, file),
    REDIS_URL: withCa(urls.REDIS_URL, file),
    NATS_URL: withCa(urls.NATS_URL, file),
  };
}

function start(program: string, environment: Readonly<Record<string, string>>, ...flags: readonly string[]) {
  return Bun.spawn([...SOURCE_PROGRAM, ...program.split(" "), ...flags], {
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000,
  });
}

async function toTheEnd(
  program: string,
  environment: Readonly<Record<string, string>>,
  ...flags: readonly string[]
): Promise<{ readonly code: number; readonly stderr: string }> {
  const child = start(program, environment, ...flags);
  const [code, stderr] = await Promise.all([child.exited, child.stderr.text(), child.stdout.text()]);
  return { code, stderr };
}

async function listening(api: ReturnType<typeof start>): Promise<string> {
  let said = "";
  for await (const bytes of api.stdout) {
    said += new TextDecoder().decode(bytes);
    const url = /listens on (http:\S+)/.exec(said)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`the API ended: ${await api.stderr.text()}`);
}

async function end(child: ReturnType<typeof start>): Promise<void> {
  child.kill("SIGTERM");
  await child.exited;
}

async function redisWorks(url: string): Promise<boolean> {
  const failed = Promise.withResolvers<boolean>();
  const redis = connectRedis(url, () => failed.resolve(false));
  const connected = redis.connect().then(() => redis.sendCommand(["TIME"]).then(() => true));
  connected.catch(() => {});
  try {
    return await Promise.race([failed.promise, connected]);
  } finally {
    redis.destroy();
  }
}

async function natsWorks(url: string): Promise<boolean> {
  try {
    const connection = await connect({ ...natsOptions(url), reconnect: false, timeout: 5_000 });
    await connection.close();
    return true;
  } catch {
    return false;
  }
}

async function postgresWorks(url: string): Promise<boolean> {
  const sql = connectPostgres({ url, name: "test", connections_max: 1 });
  try {
    const [row] = await sql`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
    return row?.["ssl"] === true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
