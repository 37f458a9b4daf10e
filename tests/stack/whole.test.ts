import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import postgres from "postgres";
import { failOnLeaks } from "../support/leaks.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Load } from "./support/keyed-load.ts";
import { processesOf, type RunningStack, stackToTheEnd, startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";

/** `razonete stack` as a person starts it, with nothing in place of anything. */

failOnLeaks();
setDefaultTimeout(180_000);

const ACCOUNT = 3;

describe.skipIf(serversMissing !== null)("razonete stack", () => {
  test("under load: an API killed, one restarted, writer and NATS killed: every answer is 200, and in the books once", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    let answered = 0;
    {
      await using stack = await startStack({ data, real: true });
      const load = new Load((body) => credit(stack, body));
      const breakOne = async (name: string, signal: NodeJS.Signals): Promise<void> => {
        await load.more(100);
        const pid = stack.pid(name);
        process.kill(pid, signal);
        await eventually(`${name} is back`, () => stack.pid(name) !== pid);
      };
      await breakOne("api-1", "SIGKILL");
      await eventually("both APIs are ready", () => areReady(stack));
      await breakOne("api-2", "SIGTERM");
      await eventually("both APIs are ready", () => areReady(stack));
      await breakOne("writer-1", "SIGKILL");
      await breakOne("nats", "SIGKILL");
      await load.more(100);
      answered = await load.stop();
      expect(load.failures).toEqual([]);
      expect(await balance(stack)).toBe(answered);
      expect(await stack.stop()).toBe(0);
      expect(stack.output()).not.toContain("not in the books");
      expect(processesOf(data)).toEqual([]);
    }
    await using stack = await startStack({ data, real: true });
    expect(await balance(stack)).toBe(answered);
    expect(await books(stack)).toEqual({ entries: answered, balance: answered });
  });

  test("killed whole under load, supervisor first: what was answered is there after the next start", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    await using killed = await startStack({ data, real: true });
    const load = new Load((body) => credit(killed, body));
    await load.more(200);
    const pids = killed.description().processes.map(({ pid }) => pid);
    killed.signal("SIGKILL");
    for (const pid of pids) process.kill(pid, "SIGKILL");
    const answered = await load.stopAtFirstFailure();
    await killed.ended;

    await using stack = await startStack({ data, real: true });
    const now = await balance(stack);
    // Those on their way when it was killed may count, too: at most one for each client.
    expect(now).toBeGreaterThanOrEqual(answered);
    expect(now).toBeLessThanOrEqual(answered + 12);
    await eventually("the books have it", async () => (await books(stack)).entries === now);
  });

  test("without an access key it is open, and says so; the first one, made while it runs, closes every API", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    {
      await using stack = await startStack({ data, real: true });
      expect(stack.output()).toContain("Accounts 1 to 5, with overdrafts");
      const [, command = ""] =
        /\nOpen: no access key was made, .*\n {2}npm run razonete -- (keys create .*)\n/.exec(
          stack.output(),
        ) ?? [];
      const main = join(import.meta.dir, "../../src/cli/main.ts");
      const made = Bun.spawnSync([process.execPath, main, ...command.split(" ")], { stderr: "pipe" });
      expect(made.stderr.toString()).toBe("");
      expect(made.stdout.toString()).toContain(`Made the access key admin for the stack in ${data}.`);
      for (const api of ["api-1", "api-2"]) {
        const log = Bun.file(join(data, "logs", `${api}.log`));
        const said = async () =>
          (await log.text()).includes("an access key was made: from now on every request");
        await eventually(`${api} is closed`, said, () => "", 5_000);
      }
      expect(await stack.stop()).toBe(0);
    }
    await using stack = await startStack({ data, real: true });
    expect(stack.output()).toContain("\nRequests need an access key");
    expect(stack.output()).toContain('\n  curl -H "Authorization: Bearer $KEY" -d ');
    expect(stack.output()).toContain("Accounts 1 to 5, with overdrafts");
  });

  test("says what is wrong with its flags", async () => {
    for (const [flag, value, bounds] of [
      ["--apis", "9", "1 to 8"],
      ["--writers", "0", "1 to 8"],
      ["--port", "65536", "0 to 65535"],
    ] as const) {
      const { code, output } = await stackToTheEnd({ data: "/nowhere", real: true, flags: [flag, value] });
      expect([code, output]).toEqual([1, expect.stringContaining(`It must be an integer from ${bounds}.`)]);
    }
  });
});

async function credit({ url }: RunningStack, body: string): Promise<string> {
  const response = await fetch(`${url}/clientes/${ACCOUNT}/transacoes`, {
    method: "POST",
    body: JSON.stringify({ valor: 1, tipo: "c", descricao: body }),
  });
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  await response.text();
  return "";
}

async function balance({ url }: RunningStack): Promise<number> {
  const statement = Object(await (await fetch(`${url}/clientes/${ACCOUNT}/extrato`)).json());
  return Number(Object(statement.saldo).total);
}

async function books(stack: RunningStack): Promise<{ entries: number; balance: number }> {
  const sql = postgres(stack.description().databaseUrl, { max: 1 });
  try {
    const [row] = await sql<{ entries: number; balance: number }[]>`
      SELECT (SELECT count(*)::int FROM entries WHERE account = ${ACCOUNT}) AS entries,
             (SELECT balance::int FROM accounts WHERE account = ${ACCOUNT}) AS balance`;
    return row ?? { entries: -1, balance: -1 };
  } finally {
    await sql.end();
  }
}

/** Whether HAProxy has the answers of as many APIs as there are: each is asked directly. */
async function areReady(stack: RunningStack): Promise<boolean> {
  const answers = await Promise.all(
    ["api-1", "api-2"].map((name) =>
      fetch("http://api/readyz", { unix: join(stack.data, "run", `${name}.sock`) }).catch(() => null),
    ),
  );
  return answers.every((answer) => answer?.ok);
}
