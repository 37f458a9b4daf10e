import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { processesIn } from "../../src/stack/postgres.ts";
import { eventually } from "../support/eventually.ts";
import { startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Load } from "./support/keyed-load.ts";

setDefaultTimeout(180_000);

test.skipIf(serversMissing !== null)(
  "a whole stack whose PostgreSQL freezes: all is decided meanwhile, the standby takes over, and the books have it all",
  async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    await using stack = await startStack({ data, real: true, flags: ["--shards", "1", "--replicas", "1"] });
    const { databaseUrl } = stack.description();
    expect(databaseUrl).toMatch(
      /@127\.0\.0\.1:\d+,127\.0\.0\.1:\d+\/razonete\?target_session_attrs=primary$/,
    );

    const named = (kind: string): (readonly [string, string | undefined])[] =>
      stack
        .description()
        .processes.filter(({ name }) => name.startsWith(kind))
        .map(({ name, role }) => [name, role]);
    expect(named("postgres")).toEqual([
      ["postgres-1", "primary"],
      ["postgres-2", "standby"],
    ]);
    expect(named("writer").map(([name]) => name)).toEqual(["writer-1", "writer-2"]);

    const credit = async (key: string): Promise<string> => {
      const response = await fetch(`${stack.url}/v1/transactions`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify({ postings: [{ from: "@world", to: "1", amount: 1 }] }),
      });
      if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
      await response.body?.cancel();
      return "201";
    };
    const load = new Load(credit, 4);
    await load.more(50);

    freeze(join(data, "postgres-1"));
    await load.more(50);
    await eventually(
      "the standby has taken over, and the former primary follows it",
      () => /postgres-2 is the primary now\.[^]*postgres-1 follows postgres-2\./.test(stack.output()),
      () => stack.output(),
      120_000,
    );
    expect(named("postgres")).toEqual([
      ["postgres-1", "standby"],
      ["postgres-2", "primary"],
    ]);
    await load.more(50);
    const answered = await load.stop();
    expect(load.failures).toEqual([]);

    // Through the API, whose reads are of the books by now: lists, an access key, a webhook.
    await using sql = new Pool(databaseUrl);
    await eventually(
      "the books have all that was answered",
      async () => (await sql.balanceOf("1")) === answered,
    );
    expect((await fetch(`${stack.url}/v1/transactions?limit=1`)).status).toBe(200);
    expect((await fetch(`${stack.url}/readyz`)).status).toBe(200);
    const page = await fetch(`${stack.url}/v1/events?limit=1`);
    expect(page.status).toBe(200);
    expect(await stack.stop()).toBe(0);
  },
);

/** PostgreSQL with all of its sessions. */
function freeze(folder: string): void {
  for (const pid of processesIn(folder)) {
    try {
      process.kill(pid, "SIGSTOP");
    } catch {
      // It has ended meanwhile.
    }
  }
}

class Pool implements AsyncDisposable {
  readonly #sql;
  constructor(url: string) {
    this.#sql = connectPostgres({ url, name: "test", connections_max: 1 });
  }

  async balanceOf(account: string): Promise<number> {
    const [row] = await this.#sql<
      { balance: number }[]
    >`SELECT balance FROM accounts WHERE account = ${account}`;
    return row?.balance ?? -1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sql.end({ timeout: 1 });
  }
}
