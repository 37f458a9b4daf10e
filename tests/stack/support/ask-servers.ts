import { connect } from "@nats-io/transport-node";
import { createClient } from "@redis/client";
import postgres from "postgres";
import { natsOptions } from "../../../src/carry/nats-address.ts";
import type { StackDescription } from "../../../src/stack/stack-file.ts";
import type { RunningStack } from "../../support/running-stack.ts";

/** Whether every server answers, and an API through HAProxy. */
export async function works(stack: RunningStack): Promise<boolean> {
  try {
    const { databaseUrl } = stack.description();
    const response = await fetch(`${stack.url}/readyz`);
    await response.text();
    return (
      response.ok && (await startsInBooks({ databaseUrl })) > 0 && (await isAnswering(stack.description()))
    );
  } catch {
    return false;
  }
}

async function isAnswering(description: StackDescription): Promise<boolean> {
  const nats = await connect({ ...natsOptions(description.natsUrl), reconnect: false });
  await nats.close();
  return (await withRedis(description, (redis) => redis.ping())) === "PONG";
}

/** How often the stand-in for `init` has run on these books. */
export async function startsInBooks({ databaseUrl }: Pick<StackDescription, "databaseUrl">): Promise<number> {
  const sql = postgres(databaseUrl, { max: 1 });
  try {
    const [row] = await sql<{ count: number }[]>`SELECT count(*)::int AS count FROM starts`;
    return row?.count ?? 0;
  } finally {
    await sql.end();
  }
}

export async function withRedis<Result>(
  { redisUrl }: StackDescription,
  use: (redis: ReturnType<typeof redisClient>) => Promise<Result>,
): Promise<Result> {
  const redis = redisClient(redisUrl);
  redis.on("error", () => {});
  try {
    await redis.connect();
    return await use(redis);
  } finally {
    redis.destroy();
  }
}

function redisClient(url: string) {
  return createClient({ url, socket: { reconnectStrategy: false } });
}
