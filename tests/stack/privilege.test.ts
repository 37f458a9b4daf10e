import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { createClient } from "@redis/client";
import { natsOptions } from "../../src/carry/nats-address.ts";
import { STREAM, subjectOf } from "../../src/carry/ensure-stream.ts";
import { Feed } from "../../src/carry/feed.ts";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { headKey, outboxKey } from "../../src/decide/redis-client.ts";
import { credentialsOf, redisUsers, STACK_USERS, type StackUser } from "../../src/stack/credentials.ts";
import { DEPLOY } from "../../src/stack/process-plan.ts";
import { eventually } from "../support/eventually.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type NatsServer, startNats } from "../support/servers/nats.ts";
import { type RedisServer, startRedis } from "../support/servers/redis.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/**
 * What each process of a cluster must not do in Redis and NATS, tried with its own user. That these users can do their
 * work is shown by all suites that run on a cluster. PostgreSQL's roles are in tests/keep/roles.test.ts.
 */

setDefaultTimeout(60_000);

const HEAD = headKey(0);
const ACCOUNT = "razonete:{0}:account:1";

/** Of the ledger's own users, none may do these. */
const FORBIDDEN_IN_REDIS: readonly (readonly string[])[] = [
  ["FLUSHALL"],
  ["FLUSHDB"],
  ["SWAPDB", "0", "1"],
  ["SELECT", "1"],
  ["CONFIG", "SET", "appendfsync", "no"],
  ["CONFIG", "REWRITE"],
  ["CONFIG", "RESETSTAT"],
  ["SHUTDOWN", "NOSAVE"],
  ["REPLICAOF", "127.0.0.1", "1"],
  ["BGREWRITEAOF"],
  ["SAVE"],
  ["DEL", ACCOUNT],
  ["RENAME", ACCOUNT, "razonete:other"],
  ["EXPIRE", ACCOUNT, "1"],
  ["GETDEL", ACCOUNT],
  ["COPY", ACCOUNT, "razonete:other"],
  ["RESTORE", "razonete:other", "0", "x"],
  ["KEYS", "*"],
  ["MONITOR"],
  ["SLOWLOG", "GET"],
  ["EVAL", "return 1", "0"],
  ["EVAL_RO", "return 1", "0"],
  ["EVALSHA", "0".repeat(40), "0"],
  ["SCRIPT", "LOAD", "return 1"],
  ["SCRIPT", "FLUSH"],
  ["FUNCTION", "FLUSH"],
  ["FUNCTION", "DELETE", "razonete"],
  ["FUNCTION", "DUMP"],
  ["ACL", "LIST"],
  ["ACL", "SETUSER", "api", "+@all"],
  ["CLIENT", "KILL", "TYPE", "normal"],
  ["CLIENT", "LIST"],
  ["CLIENT", "PAUSE", "1"],
  ["SUBSCRIBE", "anything"],
  ["PUBLISH", "anything", "x"],
  ["SET", "another", "x"],
  ["GET", "another"],
  ["XDEL", outboxKey(0), "1-0"],
  ["XADD", "another", "*", "a", "b"],
  ["XGROUP", "CREATE", outboxKey(0), "group", "0"],
];

/** Nor these, where the others may. */
const FORBIDDEN_TO: Readonly<Record<StackUser, readonly (readonly string[])[]>> = {
  admin: [
    ["FCALL", "razonete_apply", "1", HEAD],
    ["FCALL", "razonete_sweep", "1", HEAD],
    ["XTRIM", outboxKey(0), "MAXLEN", "0"],
    ["UNLINK", "another"],
  ],
  api: [
    ["FUNCTION", "LOAD", "REPLACE", functionLibrary],
    ["FCALL", "razonete_begin", "1", HEAD],
    ["FCALL", "razonete_load", "1", HEAD],
    ["FCALL", "razonete_sweep", "1", HEAD],
    ["XTRIM", outboxKey(0), "MAXLEN", "0"],
    ["UNLINK", ACCOUNT],
    ["SCAN", "0"],
  ],
  writer: [
    ["FUNCTION", "LOAD", "REPLACE", functionLibrary],
    ["FCALL", "razonete_apply", "1", HEAD],
    ["FCALL", "razonete_begin", "1", HEAD],
    ["FCALL", "razonete_load", "1", HEAD],
    ["CONFIG", "GET", "*"],
    ["UNLINK", ACCOUNT],
    ["UNLINK", HEAD],
    ["HDEL", HEAD, "epoch"],
    ["SCAN", "0"],
  ],
};

describe.skipIf(serversMissing !== null)("users of Redis", () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
    await as(redis.url, async (send) => {
      await send(["FUNCTION", "LOAD", functionLibrary]);
      await send(["SET", ACCOUNT, "kept"]);
      await send(["HSET", HEAD, "epoch", "e"]);
    });
  });

  afterAll(() => redis.process.dispose());

  for (const user of STACK_USERS) {
    test(`${user} is refused all that its process does not need`, async () => {
      const done: string[] = [];
      await as(redis.urlOf(user), async (send) => {
        for (const command of [...FORBIDDEN_IN_REDIS, ...FORBIDDEN_TO[user]]) {
          const answer = await send(command).then(String, (error: Error) => error.message);
          if (!answer.startsWith("NOPERM")) done.push(`${command.join(" ").slice(0, 60)}: ${answer}`);
        }
      });
      expect(done).toEqual([]);
    });
  }

  test("with the operator's password one may do all of it, and without one nothing", async () => {
    await as(redis.url, async (send) => {
      expect(await send(["ACL", "WHOAMI"])).toBe("default");
      expect(await send(["ACL", "DRYRUN", "default", "FLUSHALL"])).toBe("OK");
    });
    const { port } = new URL(redis.url);
    for (const user of STACK_USERS)
      expect(as(`redis://${user}:guessed@127.0.0.1:${port}`, async (send) => send(["PING"]))).rejects.toThrow(
        "WRONGPASS",
      );
  });

  test("the writer may let Redis forget ids of requests, and no other key", async () => {
    await as(redis.urlOf("writer"), async (send) => {
      expect(await send(["UNLINK", "razonete:{0}:seen:17"])).toBe(0);
    });
  });

  test("each may use what the functions use that it calls", () => {
    const functions = new Set(
      [...functionLibrary.matchAll(/redis\.call\('([A-Z]+)'/g)].map(([, name]) => String(name).toLowerCase()),
    );
    expect(functions.size).toBeGreaterThan(18);
    const granted = readFileSync(join(DEPLOY, "redis-users.acl"), "utf8");
    const all = STACK_USERS.flatMap((user) => {
      const rules = new RegExp(`^user ${user} on #\\S+ (.*)$`, "m").exec(granted)?.[1] ?? "";
      return rules.split(/[ ()]+/);
    });
    expect([...functions].filter((name) => !all.includes(`+${name}`))).toEqual([]);
    expect(all.filter((rule) => rule.includes("@") || rule === "~*" || rule.startsWith("&"))).toEqual([]);
  });
});

test.each([["a container's Redis", []] as const, ["one of several", ["redis-replica.acl"]] as const])(
  "%s gets the same users as a stack's, from a file that only it can read",
  (_, more) => {
    using folder = temporaryFolder();
    // With a stand-in for what the image itself runs then: it shows the last file that it is given.
    const entrypoint = '#!/bin/sh\nfor file in "$@"; do :; done\nstat -c %a "$file"\ncat "$file"\n';
    writeFileSync(join(folder.path, "docker-entrypoint.sh"), entrypoint, { mode: 0o755 });
    const credentials = { ...credentialsOf("secret"), operator: "p0", admin: "p1", api: "p2", writer: "p3" };
    const { stdout, exitCode } = Bun.spawnSync(["sh", join(DEPLOY, "start-redis.sh"), "redis-server"], {
      env: {
        PATH: `${folder.path}:${process.env["PATH"]}`,
        TMPDIR: folder.path,
        REDIS_DATA: folder.path,
        REDIS_PASSWORD: credentials.operator,
        REDIS_ADMIN_PASSWORD: credentials.admin,
        REDIS_API_PASSWORD: credentials.api,
        REDIS_WRITER_PASSWORD: credentials.writer,
        REDIS_OBSERVER_PASSWORD: credentials.observer,
        ...(more.length === 0 ? {} : { REDIS_REPLICA_PASSWORD: credentials.replica }),
      },
    });
    const users = ["redis-users.acl", ...more].map((file) =>
      redisUsers(readFileSync(join(DEPLOY, file), "utf8"), credentials).replaceAll(/^#.*\n/gm, ""),
    );
    expect([exitCode, stdout.toString()]).toEqual([0, `600\n${users.join("")}`]);
  },
);

/** What a user does to NATS. */
const FORBIDDEN_IN_NATS: readonly (readonly [StackUser, "publish" | "subscribe", string])[] = [
  ["api", "publish", "another"],
  ["api", "publish", "razonete.other"],
  ["api", "publish", `$JS.API.STREAM.PURGE.${STREAM}`],
  ["api", "publish", `$JS.API.STREAM.DELETE.${STREAM}`],
  ["api", "publish", `$JS.API.STREAM.UPDATE.${STREAM}`],
  ["api", "publish", `$JS.API.STREAM.MSG.DELETE.${STREAM}`],
  ["api", "publish", "$JS.API.STREAM.CREATE.ANOTHER"],
  ["api", "publish", `$JS.API.CONSUMER.CREATE.${STREAM}`],
  ["api", "publish", "_INBOX.admin.forged"],
  ["api", "subscribe", ">"],
  ["api", "subscribe", subjectOf(0)],
  ["api", "subscribe", "_INBOX.>"],
  ["api", "subscribe", "_INBOX.writer.>"],
  ["writer", "publish", subjectOf(0)],
  ["writer", "publish", "another"],
  ["writer", "publish", `$JS.API.STREAM.PURGE.${STREAM}`],
  ["writer", "publish", `$JS.API.STREAM.DELETE.${STREAM}`],
  ["writer", "publish", "$JS.API.STREAM.UPDATE.ANOTHER"],
  ["writer", "subscribe", ">"],
  ["writer", "subscribe", "_INBOX.api.>"],
  ["admin", "publish", subjectOf(0)],
  ["admin", "publish", `$JS.API.STREAM.PURGE.${STREAM}`],
  ["admin", "publish", `$JS.API.STREAM.DELETE.${STREAM}`],
  ["admin", "publish", `$JS.API.STREAM.MSG.DELETE.${STREAM}`],
  ["admin", "publish", `$JS.API.STREAM.UPDATE.${STREAM}`],
  ["admin", "publish", "$JS.API.CONSUMER.CREATE.ANOTHER"],
  ["admin", "subscribe", ">"],
  ["admin", "subscribe", subjectOf(0)],
];

describe.skipIf(serversMissing !== null)("users of NATS", () => {
  let nats: NatsServer;
  let operator: NatsConnection;

  beforeAll(async () => {
    nats = await startNats();
    operator = await connect(natsOptions(nats.url));
    const manager = await jetstreamManager(operator);
    const api = new Feed({ url: nats.urlOf("api"), name: "test" });
    const isThere = () => manager.streams.info(STREAM).then(Boolean, () => false);
    await eventually("an API has made the stream", isThere);
    await api.close();
    operator.publish(subjectOf(0), "kept");
    await operator.flush();
  });

  afterAll(async () => {
    await operator.close();
    await nats.process.dispose();
  });

  for (const [user, what, subject] of FORBIDDEN_IN_NATS) {
    test(`${user} is refused to ${what}: ${subject}`, async () => {
      const connection = await connect({ ...natsOptions(nats.urlOf(user)), reconnect: false });
      const refusals: string[] = [];
      const watching = (async () => {
        for await (const status of connection.status())
          if (status.type === "error") refusals.push(status.error.message);
      })();
      try {
        if (what === "publish") connection.publish(subject, "{}");
        else connection.subscribe(subject, { callback: () => {} });
        await connection.flush();
        await eventually("it is refused", () => refusals.length > 0);
        expect(refusals).toEqual([expect.stringMatching(/^Permissions Violation for /)]);
      } finally {
        await connection.close();
        await watching;
      }
    });
  }

  test("what is in the stream is what was there, and a guessed password lets nobody in", async () => {
    const manager = await jetstreamManager(operator);
    expect((await manager.streams.info(STREAM)).state.messages).toBe(1);
    const { port } = new URL(nats.url);
    for (const user of STACK_USERS)
      expect(
        connect({ servers: `127.0.0.1:${port}`, user, pass: "guessed", reconnect: false }),
      ).rejects.toThrow(/authorization/i);
  });

  // NATS publishes its answer to a batch where the sender says, whatever the sender may publish. It has a `seq`, which a
  // purge takes for its end.
  test("what it answers to an API's batch changes nothing where it is sent to the stream's own subjects", async () => {
    const connection = await connect({ ...natsOptions(nats.urlOf("api")), reconnect: false });
    const asked = new Set<unknown>();
    const audit = operator.subscribe("$JS.EVENT.ADVISORY.API", {
      callback: (_, message) => void asked.add(Object(message.json()).subject),
    });
    try {
      await operator.flush();
      for (const what of ["PURGE", "MSG.DELETE", "DELETE", "UPDATE"]) {
        const reply = `$JS.API.STREAM.${what}.${STREAM}`;
        connection.publish(subjectOf(0), "{}", { reply });
        await eventually(`${reply} was asked`, () => asked.has(reply));
      }
      const { state } = await (await jetstreamManager(operator)).streams.info(STREAM);
      expect([state.first_seq, state.num_deleted ?? 0]).toEqual([1, 0]);
    } finally {
      audit.unsubscribe();
      await connection.close();
    }
  });
});

async function as<Result>(
  url: string,
  use: (send: (command: readonly string[]) => Promise<unknown>) => Promise<Result>,
): Promise<Result> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on("error", () => {});
  try {
    await client.connect();
    return await use((command) => client.sendCommand([...command]));
  } finally {
    client.destroy();
  }
}
