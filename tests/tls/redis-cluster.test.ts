import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { freePorts } from "../support/servers/free-ports.ts";
import { accountOn } from "../support/account-on.ts";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { TestCa } from "../support/servers/certificates.ts";
import { type NatsServer, startNats } from "../support/servers/nats.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { startLooseNodes } from "../support/servers/redis-cluster.ts";
import { diesWithParent } from "../support/servers/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const SHARDS = 3;
const ALL = [0, 1, 2];
const started = z.string().regex(/http:\/\/\S+/);

describe.skipIf(serversMissing !== null)("a Redis Cluster over TLS", () => {
  const folder = temporaryFolder("tls-cluster");
  const children: Bun.Subprocess[] = [];
  let nodes: Awaited<ReturnType<typeof startLooseNodes>> = [];
  let nats: NatsServer;
  let postgres: PostgresServer;
  let ours: TestCa;
  let environment: Record<string, string>;

  beforeAll(async () => {
    ours = new TestCa(folder.path, "ours");
    const { cert, key } = ours.issue("IP:127.0.0.1");
    const ports = await freePorts(6);
    [nats, postgres, nodes] = await Promise.all([
      startNats(),
      startPostgres(),
      startLooseNodes(6, (place) => ({
        "tls-port": String(ports[place]),
        "tls-cert-file": cert,
        "tls-key-file": key,
        "tls-ca-cert-file": ours.file,
        "tls-auth-clients": "no",
        "tls-cluster": "yes",
        "tls-replication": "yes",
      })),
    ]);
    environment = {
      PATH: process.env["PATH"] ?? "",
      DATABASE_URL: await postgres.createDatabase(),
      NATS_URL: nats.url,
      REDIS_URL: `rediss-cluster://${ports.map((port) => `127.0.0.1:${port}`).join(",")}`,
      CA_FILE: ours.file,
      SHARDS: String(SHARDS),
      DURABILITY: "relaxed",
      PORT: "0",
    };
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map(({ exited }) => exited));
    for (const { client } of nodes) client.destroy();
    const processes = [nats, postgres, ...nodes].map((server) => server?.process);
    await Promise.all(processes.map((each) => each?.dispose()));
    folder[Symbol.dispose]();
  });

  async function toTheEnd(command: readonly string[], more: Readonly<Record<string, string>> = {}) {
    const child = Bun.spawn([...SOURCE_PROGRAM, ...command], {
      env: { ...environment, ...more },
      stdout: "pipe",
      stderr: "pipe",
    });
    const said = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { code: await child.exited, said: said.join("") };
  }

  function start(program: string): Bun.Subprocess<"ignore", Bun.BunFile, "ignore"> {
    const child = Bun.spawn([...diesWithParent("KILL"), ...SOURCE_PROGRAM, program], {
      env: environment,
      stdin: "ignore",
      stdout: Bun.file(join(folder.path, program)),
      stderr: "ignore",
    });
    children.push(child);
    return child;
  }

  test("a CA that is not trusted is refused, and is told as for one Redis", async () => {
    const others = new TestCa(folder.path, "others");
    const { code, said } = await toTheEnd(["init"], { CA_FILE: others.file });
    expect([code, said]).toEqual([
      1,
      expect.stringContaining("(REDIS_URL) is from a CA that is not trusted here"),
    ]);
  });

  test("it is joined, begun, used and audited, and a primary that is killed is replaced", async () => {
    const joined = await toTheEnd(["redis-join", "--replicas", "1"]);
    expect(joined).toEqual({ code: 0, said: "The cluster is whole: 3 primaries with 1 replica each.\n" });
    expect(await toTheEnd(["init"])).toMatchObject({ code: 0 });
    start("writer");
    start("api");
    let url = "";
    await eventually("the API listens", async () => {
      const said = started.parse(await Bun.file(join(folder.path, "api")).text());
      url = /http:\/\/[^\s,]+/.exec(said)?.[0] ?? "";
      return (await fetch(`${url}/readyz`)).ok;
    });
    const credit = async (shard: number, key: string): Promise<number> => {
      const body = { postings: [{ from: "@world", to: accountOn(shard, SHARDS), amount: 5 }] };
      return (await call(url, "POST", "/v1/transactions", body, key)).status;
    };
    const all = async (round: string): Promise<void> => {
      for (const shard of ALL)
        await eventually(
          `shard ${shard} decides`,
          async () => (await credit(shard, `${round}-${shard}`)) === 201,
        );
    };
    await all("before");
    // Each shard's primary is one of the first three, in their order.
    await nodes[1]?.process.kill();
    await eventually("a replica is a primary", async () => {
      const roles = await Promise.all(nodes.slice(3).map((node) => node.command("ROLE")));
      return roles.some((role) => Object(role)[0] === "master");
    });
    // There is no other copy of its shard than these two.
    await nodes[1]?.process.start();
    await all("after");
    await eventually(
      "it is whole again",
      async () => (await toTheEnd(["redis-join", "--replicas", "1"])).code === 0,
    );
    for (const shard of ALL) {
      const { body } = await call(url, "GET", `/v1/accounts/${accountOn(shard, SHARDS)}`);
      expect(body).toMatchObject({ balance: 10 });
    }
    await eventually("all agrees", async () => (await toTheEnd(["audit"])).said.includes("Agreed."));
  });
});
