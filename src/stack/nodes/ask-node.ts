import { createClient, ErrorReply } from "@redis/client";
import { messageOf } from "../../errors.ts";
import { serverTrust } from "../../tls/server-trust.ts";
import { type NodeLine, parseNodeLines } from "../../decide/nodes/node-lines.ts";

/** Questions to one node of a Redis Cluster, over a connection that is there for them alone. */

/** A node that is up answers these within milliseconds; one that is frozen, or away, must not hold up the others long. */
const ANSWER_MILLISECONDS_MAX = 1_000;

export type Command = readonly string[];

/**
 * Sends all commands at once. An error that the node answers is the answer to its command.
 *
 * @throws Error if the node does not answer
 */
export async function askNode(url: string, ...commands: readonly Command[]): Promise<unknown[]> {
  const trust = serverTrust(url);
  const client = createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    socket: {
      ...(trust === null ? {} : { ...trust, tls: true }),
      reconnectStrategy: false,
      connectTimeout: ANSWER_MILLISECONDS_MAX,
      socketTimeout: ANSWER_MILLISECONDS_MAX,
    },
  });
  // Without a listener, an error would end this process. Errors are also thrown by the calls that meet them.
  client.on("error", () => {});
  try {
    await client.connect();
    return await Promise.all(
      commands.map((command) =>
        client.sendCommand([...command]).catch((error: unknown) => {
          if (error instanceof ErrorReply) return error;
          throw error;
        }),
      ),
    );
  } finally {
    client.destroy();
  }
}

/**
 * Sends one command.
 *
 * @throws Error if the node does not answer, or answers with an error
 */
export async function orderNode(url: string, ...command: Command): Promise<unknown> {
  const [answer] = await askNode(url, command);
  if (answer instanceof ErrorReply) throw answer;
  return answer;
}

/** What the node says of all nodes; null if it does not say, as one that is not reached. */
export async function viewOf(url: string): Promise<readonly NodeLine[] | null> {
  try {
    return parseNodeLines(String(await orderNode(url, "CLUSTER", "NODES")));
  } catch {
    return null;
  }
}

/** Why a node did not do something, without what would be the same for each of its errors. */
export function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^ERR /, "");
}
