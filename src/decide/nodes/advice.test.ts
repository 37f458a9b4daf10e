import { expect, test } from "bun:test";
import { ErrorReply } from "@redis/client";
import { adviseOnShard } from "./advice.ts";
import type { RedisNodes, ShardCopy } from "./redis-nodes.ts";

const START = "Start its primary, a:1, with the data that it had.";
const LOADING = "LOADING Redis is loading the dataset in memory";
const DOWN = "CLUSTERDOWN The cluster is down and only accepts read commands";

/** What a node answers; an Error where it does not. */
interface Answers {
  readonly ping?: string | Error;
  readonly offset?: number;
  /** Of the latest batch; null where it has nothing of the shard. */
  readonly g?: string | null | Error;
}

const refused = (message: string): ErrorReply => new ErrorReply(message);
const AWAY: Answers = { ping: new Error("the socket is closed") };

/** A shard's primary a:1, and its replicas b:2, c:3. */
async function advice(primary: Answers, ...replicas: readonly Answers[]): Promise<string | null> {
  const copies = [primary, ...replicas].map((answers, place) => copy(answers, place));
  const nodes: Pick<RedisNodes, "copies" | "minReplicas"> = { copies: async () => copies, minReplicas: 1 };
  return adviseOnShard(nodes, 0);
}

function copy({ ping = "PONG", offset = 0, g = null }: Answers, place: number): ShardCopy {
  const answer = (args: readonly unknown[]): unknown => {
    if (!(ping instanceof ErrorReply) && ping instanceof Error) return ping;
    const [command] = args;
    if (command === "INFO") return `role:slave\r\nslave_repl_offset:${offset}\r\n`;
    if (command === "CLUSTER") return "1 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-16383\n";
    return command === "HGET" ? g : command === "PING" ? ping : "OK";
  };
  // As text on the way, like a reply: who asks says what type it has.
  const sendCommand: ShardCopy["sendCommand"] = async (args) => {
    const told = answer(args);
    if (told instanceof Error) throw told;
    return JSON.parse(JSON.stringify(told));
  };
  return {
    address: `${"abc"[place]}:${place + 1}`,
    isPrimary: place === 0,
    isFailing: false,
    sendCommand,
    confirmed: { sendCommand },
  };
}

test("the replica that has most is named, once all that answer have told what they have", async () => {
  const named = await advice(AWAY, { g: "6" }, { g: "7" });
  expect(named).toStartWith(`${START} Only if that cannot be: c:3 has most of the shard`);
  expect(named).toContain(
    "(batch 7), and becomes the primary by redis-cli -h c -p 3 CLUSTER FAILOVER FORCE;",
  );
  expect(await advice(AWAY, { g: "6" }, AWAY)).toContain("b:2 has most");
});

test("while one of them reads its log, none is named", async () => {
  expect(await advice(AWAY, { g: "6" }, { g: refused(LOADING) })).toBe(
    `${START} If it is starting, as after all were stopped, wait. Let no replica take its place before all that answer ` +
      `have told how much of the shard they have, which they do not yet (c:3: ${LOADING}).`,
  );
});

test("without a majority what was told of its primary since the start counts, and 0 tells nothing", async () => {
  const followed = await advice(AWAY, { g: refused(DOWN), offset: 70 }, { g: refused(DOWN), offset: 80 });
  expect(followed).toContain("c:3 has most of the shard of the replicas that answer (replication offset 80)");
  const started = await advice(AWAY, { g: refused(DOWN) }, { g: refused(DOWN), offset: 80 });
  expect(started).toContain(
    `which they do not yet (b:2: ${DOWN}): they do once most of the primaries are back.`,
  );
  expect(started).toEndWith("after redis-cli -h b -p 2 CONFIG SET cluster-allow-reads-when-down yes.");
  expect(started).not.toContain("FAILOVER");
});

test("a primary that reads its log is waited for, and replicas that have nothing are not named", async () => {
  expect(await advice({ ping: refused(LOADING) }, { g: "6" })).toBe(
    "Wait: its primary, a:1, is starting, and reads what it has on disk.",
  );
  expect(await advice(AWAY, { g: null }, { g: null })).toBe(START);
  expect(await advice(AWAY, { g: null }, { g: "0" })).toContain("c:3 has most of the shard");
});
