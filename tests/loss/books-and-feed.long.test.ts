import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { STREAM } from "../../src/carry/ensure-stream.ts";
import { natsOptions } from "../../src/carry/nats-address.ts";
import { readPrimary } from "../../src/stack/standby/primary-file.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { ALL, LossStand } from "./support/loss-stand.ts";

/** What keeps and carries, in the form with replicas, under load. The tests go on where the one before ended. */

failOnLeaks();
setDefaultTimeout(240_000);

const WRITERS = ["writer-1", "writer-2"];
const ENOUGH = 100;

describe.skipIf(serversMissing !== null)("a stack with replicas loses", () => {
  let stand: LossStand;
  beforeAll(async () => {
    stand = new LossStand();
    await stand.start();
  });
  afterAll(() => stand[Symbol.asyncDispose]());

  /** The PostgreSQL that is the primary, and the other one. */
  const postgres = (): [primary: string, standby: string] =>
    readPrimary(stand.data) === "postgres-2" ? ["postgres-2", "postgres-1"] : ["postgres-1", "postgres-2"];

  test("the leader of the stream, killed, and the next one frozen: nobody waits, the books have all", async () => {
    await stand.survives("the leader of NATS killed", async () => {
      stand.signal("SIGKILL", await leaderOf(stand));
      await stand.load.goesOn(ALL, ENOUGH);
    });
    await stand.survives("the leader of NATS frozen", async () => {
      const leader = await leaderOf(stand);
      stand.signal("SIGSTOP", leader);
      await stand.load.goesOn(ALL, ENOUGH);
      stand.signal("SIGCONT", leader);
    });
  });

  test("both writers, killed, and frozen: what is decided waits for the books", async () => {
    await stand.survives("both writers killed", async () => {
      stand.signal("SIGKILL", ...WRITERS);
      await stand.load.goesOn(ALL, ENOUGH);
    });
    await stand.survives("both writers frozen", async () => {
      stand.signal("SIGSTOP", ...WRITERS);
      await stand.load.goesOn(ALL, ENOUGH);
      stand.signal("SIGCONT", ...WRITERS);
    });
  });

  test("the standby of PostgreSQL, killed, and frozen: nobody waits", async () => {
    await stand.survives("the standby killed", async () => {
      stand.signal("SIGKILL", postgres()[1]);
      await stand.load.goesOn(ALL, ENOUGH);
    });
    await stand.survives("the standby frozen", async () => {
      const [, standby] = postgres();
      stand.signal("SIGSTOP", standby);
      await stand.load.goesOn(ALL, ENOUGH);
      stand.signal("SIGCONT", standby);
    });
  });

  test("the primary of PostgreSQL, killed: it is back in a moment, and nobody waits", async () => {
    await stand.survives("the primary of PostgreSQL killed", async () => {
      stand.signal("SIGKILL", postgres()[0]);
      await stand.load.goesOn(ALL, ENOUGH);
    });
  });

  test("a primary of Redis while PostgreSQL is away: its shard waits for the books, and the others go on", async () => {
    await stand.survives("a primary of Redis killed without PostgreSQL", async () => {
      const [primary = "", ...replicas] = stand.nodesOf(1);
      stand.signal("SIGSTOP", ...postgres());
      stand.signal("SIGKILL", primary);
      await eventually("a replica is the primary", () => replicas.includes(stand.primaryOf(1)));
      const answered = stand.load.countOf(1);
      await eventually("it is told where the APIs are asked", async () =>
        /"undecided":\[\{"shard":1,/.test((await stand.undecided()) ?? ""),
      );
      await stand.load.goesOn([0, 2], ENOUGH);
      expect(stand.load.countOf(1)).toBe(answered);
      stand.signal("SIGCONT", ...postgres());
    });
  });

  test("the primary of PostgreSQL, frozen: the standby takes over with access keys and webhooks, and nobody waits", async () => {
    const keys = (...args: string[]): string => {
      const { code, stdout } = stand.run("keys", ...args, "--stack", stand.data);
      expect(code).toBe(0);
      return stdout;
    };
    const newKey = (name: string): string => {
      const made = keys("create", "--name", name, "--scopes", "admin", "--json");
      return z.object({ key: z.string() }).parse(JSON.parse(made)).key;
    };
    const statusWith = async (token: string): Promise<number> =>
      (await stand.fetch("/v1/accounts/1", token)).status;
    stand.load.token = newKey("load");
    const other = newKey("other");
    await eventually("the keys count", async () => (await statusWith(other)) === 200);
    await eventually("it is open no more", async () => (await statusWith("")) === 401);

    const received: string[] = [];
    using target = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => {
        received.push(await request.text());
        return new Response(null, { status: 204 });
      },
    });
    const hook = await stand.fetch("/v1/webhooks", stand.load.token, { url: target.url.href });
    expect(hook.status).toBe(201);
    const before = new Set(stand.load.answered.keys());

    await stand.survives("the primary of PostgreSQL frozen", async () => {
      const [primary, standby] = postgres();
      stand.signal("SIGSTOP", primary);
      await stand.load.goesOn(ALL, ENOUGH);
      expect(await statusWith(other)).toBe(200);
      await eventually(
        "the standby has taken over, and is followed",
        () => new RegExp(`${primary} follows ${standby}\\.`).test(stand.stack.output()),
        () => stand.stack.output(),
        120_000,
      );
      expect(postgres()[0]).toBe(standby);
    });

    keys("revoke", "other");
    await eventually("a revoked key counts no more", async () => (await statusWith(other)) === 401);
    const answered = [...stand.load.answered].flatMap(([key, { id }]) => (before.has(key) ? [] : [id]));
    await eventually("all that was answered was sent", () => {
      const sent = received.join("\n");
      return answered.every((id) => sent.includes(id));
    });
  });
});

/** The server that leads the stream. */
async function leaderOf(stand: LossStand): Promise<string> {
  const connection = await connect({ ...natsOptions(stand.stack.description().natsUrl), reconnect: false });
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    let leader: string | undefined;
    await eventually("the stream has a leader", async () => {
      leader = (await manager.streams.info(STREAM)).cluster?.leader;
      return leader !== undefined && leader !== "";
    });
    return String(leader);
  } finally {
    await connection.close();
  }
}
