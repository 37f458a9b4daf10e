import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import postgres from "postgres";
import { z } from "zod";
import { viewOf } from "../../src/stack/nodes/ask-node.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresPair, startPostgresPair } from "../support/servers/postgres-pair.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { type Machine, threeMachines } from "./support/machines.ts";

/**
 * deploy/machines as docs/operations.md tells it, but without containers: the same commands, environments and
 * configuration files on three loopback addresses. PostgreSQL is two servers elsewhere, as a provider's would be.
 */

failOnLeaks();

const SERVERS = ["redis-1", "redis-2", "redis-3", "nats"];
const OURS = ["redis-join", "api", "writer", "dispatch", "console", "haproxy"];
/** Two of each shard. */
const ACCOUNTS = ["a", "c", "b", "d", "h", "bob"];
/** Each start of a process takes seconds on a machine that is busy with others. */
const TEST_MILLISECONDS_MAX = 150_000;
const shownParts = z.object({ parts: z.array(z.object({ name: z.string(), state: z.string() })) });

describe.skipIf(serversMissing !== null || process.platform !== "linux")("three machines", () => {
  let folder: TemporaryFolder;
  let books: PostgresPair;
  let machines: readonly Machine[] = [];
  let key = "";
  let asked = 0;

  const machine = (number: number): Machine => {
    const found = machines[number - 1];
    if (found === undefined) throw new Error(`there is no machine ${number}`);
    return found;
  };

  /** Sent again under the same key until it is done, as clients do. */
  async function post(to: Machine, path: string, body: object): Promise<void> {
    const headers = {
      authorization: `Bearer ${key}`,
      "idempotency-key": `asked-${(asked += 1)}`,
      connection: "close",
    };
    await eventually(
      `${path} is done by ${to.address}`,
      async () => {
        const answer = await fetch(`http://${to.address}:9999${path}`, {
          method: "POST",
          headers,
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(10_000),
        });
        if (answer.status === 503 || answer.status === 201) return answer.status === 201;
        throw new Error(`${answer.status}: ${await answer.text()}`);
      },
      () => to.log("api").slice(-500),
    );
  }

  /** One more cent for each account, through each of these. */
  async function payIn(through: readonly Machine[]): Promise<void> {
    for (const each of through)
      for (const account of ACCOUNTS)
        await post(each, "/v1/transactions", { postings: [{ from: "@world", to: account, amount: 1 }] });
  }

  /** Asked again where it could not look: NATS chooses a new leader of the stream for some seconds after a loss. */
  async function agrees(from: Machine): Promise<void> {
    const audits: string[] = [];
    await eventually(
      "the audit agrees",
      async () => {
        const { code, output } = await from.operator("audit");
        audits.push(output);
        if (code === 1) throw new Error(output);
        return code === 0;
      },
      () => audits,
    );
  }

  /** On each machine, as the nodes say. */
  async function primaries(): Promise<number[]> {
    const view = (await viewOf(machine(1).redisUrl)) ?? [];
    const decide = view.filter(({ isPrimary, slots }) => isPrimary && slots.length > 0);
    return machines.map(
      ({ address }) => decide.filter((node) => node.address?.startsWith(`${address}:`) === true).length,
    );
  }

  /** What its console tells of each: its state by its name. */
  async function partsOf({ address }: Machine): Promise<ReadonlyMap<string, string>> {
    const answer = await fetch(`http://${address}:9999/console/status`, {
      headers: { authorization: `Bearer ${key}` },
    });
    if (answer.status === 503) return new Map();
    const { parts } = shownParts.parse(await answer.json());
    return new Map(parts.map(({ name, state }) => [name, state]));
  }

  beforeAll(async () => {
    folder = temporaryFolder("machines");
    books = await startPostgresPair({ durable: true });
    const sql = postgres(books.first.url, { max: 1, onnotice: () => {} });
    await sql`CREATE DATABASE razonete`;
    await sql.end();
    const hosts = [books.first, books.second].map(({ url }) => new URL(url).host);
    machines = threeMachines(folder.path, {
      RAZONETE_BOOKS: hosts.join(","),
      RAZONETE_BOOKS_PARTS: hosts.map((host, index) => `postgres-${index + 1}=postgres://${host}`).join(","),
    });
  });

  afterAll(async () => {
    await Promise.all(machines.map((each) => each.end("SIGKILL")));
    await books.dispose();
    folder[Symbol.dispose]();
  });

  test(
    "are set up as told, and each answers for every account",
    async () => {
      for (const each of machines) each.start(...SERVERS);
      const whole = { code: 0, output: "The cluster is whole: 3 primaries with 2 replicas each.\n" };
      expect(await machine(1).operator("redis-join", "--replicas", "2")).toEqual(whole);
      expect((await machine(1).operator("init")).code).toBe(0);
      const create = ["keys", "create", "--name", "admin", "--scopes", "admin", "--json"];
      key = z
        .object({ key: z.string() })
        .parse(JSON.parse((await machine(1).operator(...create)).output)).key;
      for (const each of machines) each.start(...OURS);
      for (const account of ACCOUNTS)
        await post(machine(1), "/v1/accounts", { id: account, unit: "CREDITS" });
      await payIn(machines);
      let parts: ReadonlyMap<string, string> = new Map();
      await eventually(
        "the console shows every part as up",
        async () => {
          parts = await partsOf(machine(2));
          return parts.has("postgres-2") && [...parts.values()].every((state) => state === "up");
        },
        () => [...parts],
      );
    },
    TEST_MILLISECONDS_MAX,
  );

  test(
    "one of them is lost: the other two answer for every account, and it takes its part again",
    async () => {
      await machine(1).end("SIGKILL");
      await payIn([machine(2), machine(3)]);
      machine(1).start(...SERVERS, ...OURS);
      // Else the loss of who had taken over would leave too few of them to agree.
      await eventually("the primaries are spread again", async () =>
        Bun.deepEquals(await primaries(), [1, 1, 1]),
      );
      await payIn(machines);
      await agrees(machine(3));
    },
    TEST_MILLISECONDS_MAX,
  );

  test(
    "one that is replaced by another at its address begins with nothing, and takes all from the others",
    async () => {
      await machine(2).end("SIGKILL");
      machine(2).empty();
      machine(2).start(...SERVERS);
      const join = await machine(3).operator("redis-join", "--replicas", "2");
      expect(join.output).toBe("The cluster is whole: 3 primaries with 2 replicas each.\n");
      expect((await machine(3).operator("init")).code).toBe(0);
      machine(2).start(...OURS);
      expect(await primaries()).toEqual([1, 1, 1]);
      await payIn(machines);
      const statements = await Promise.all(
        ACCOUNTS.map(async (account) => {
          const headers = { authorization: `Bearer ${key}` };
          const answer = await fetch(`http://${machine(2).address}:9999/v1/accounts/${account}`, { headers });
          return z.object({ balance: z.int() }).parse(await answer.json()).balance;
        }),
      );
      // Three machines, then two, then three, and three.
      expect(statements).toEqual(ACCOUNTS.map(() => 11));
      await agrees(machine(1));
    },
    TEST_MILLISECONDS_MAX,
  );
});
