import { createClient } from "@redis/client";

/**
 * From now on Redis answers before it is on disk: a disk that stalls is then not taken for the console's doing, where a test
 * is about that no transaction waits for it. For a ledger with DURABILITY=relaxed.
 *
 * @param redisUrl of the operator
 */
export async function answerBeforeDisk(redisUrl: string): Promise<void> {
  const client = await createClient({ url: redisUrl }).connect();
  try {
    await client.sendCommand(["CONFIG", "SET", "appendfsync", "no"]);
  } finally {
    client.destroy();
  }
}
