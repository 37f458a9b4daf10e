import { bounds } from "../../bounds.ts";
import { messageOf } from "../../errors.ts";
import { type Commands, Unconfirmed } from "./redis-nodes.ts";

/**
 * Sends something, and WAIT behind it on the same connection, in one piece. The connection must not send again by itself
 * what it has lost: else WAIT could be answered by another Redis than the command.
 *
 * @param send what is sent before it, as a whole at once; its last command has to be a write, which proves that the
 * node is still followed: of what is only read, WAIT asks nobody
 * @throws Unconfirmed if fewer than `minReplicas` confirm; what `send` rejects with
 */
export async function withCopies<T>(
  minReplicas: number,
  send: () => Promise<T>,
  connection: Commands,
): Promise<T> {
  if (minReplicas === 0) return send();
  const sent = send();
  const [answer, copies] = await Promise.allSettled([
    sent,
    replicasOf(minReplicas, connection, bounds.replicas_milliseconds_max),
  ]);
  if (answer.status === "rejected") throw answer.reason;
  if (copies.status === "rejected") throw copies.reason;
  if (copies.value < minReplicas)
    throw new Unconfirmed(
      `${copies.value} replicas confirm it, not ${minReplicas} (MIN_REPLICAS): the others are away, or do not follow it`,
    );
  return answer.value;
}

/**
 * WAIT: how many replicas have on disk what this connection has written, as soon as it is so many, or after that time.
 *
 * @throws Unconfirmed if it is not answered
 */
export async function replicasOf(
  replicas: number,
  connection: Commands,
  millisecondsMax: number,
): Promise<number> {
  try {
    return Number(await connection.sendCommand(["WAIT", String(replicas), String(millisecondsMax)]));
  } catch (error) {
    throw new Unconfirmed(`its replicas could not be waited for (${messageOf(error)})`, { cause: error });
  }
}
