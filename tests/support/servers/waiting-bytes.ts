import { readFileSync } from "node:fs";
import { eventually } from "../eventually.ts";
import type { RedisServer } from "./redis.ts";

/** As Linux counts connections that are open. */
const ESTABLISHED = "01";
/** Of a transaction's call. What a process asks to see whether Redis answers is shorter. */
const CALL_BYTES = 200;

/** Until a call waits at a Redis that is frozen: thawed it finds it, whether whoever has sent it lives or not. */
export function untilCallWaits({ process }: RedisServer, bytes: number = CALL_BYTES): Promise<void> {
  return eventually(
    "a call waits at Redis",
    () => Math.max(...unreadBytes(process.port)) >= bytes,
    () => unreadBytes(process.port),
  );
}

/** How many bytes of each of its connections a server on 127.0.0.1 has not read yet. */
function unreadBytes(port: number): number[] {
  const place = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, local, , state, queues = ""] = line.trim().split(/\s+/);
      return local === place && state === ESTABLISHED
        ? [Number.parseInt(queues.split(":")[1] ?? "", 16)]
        : [];
    });
}
