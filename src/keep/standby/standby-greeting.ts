import type { Duplex } from "node:stream";

const PARAMETER = "S".charCodeAt(0);
const READY = "Z".charCodeAt(0);
/** Of a message: its type, and its length without that. */
const HEAD_BYTES = 5;
/** Of what a server says before it is ready: a few hundred. */
const GREETING_BYTES_MAX = 64 * 1024;

/**
 * Listens to what PostgreSQL says on a new connection before it is ready, and tells where that is from a standby. To be
 * called before the client listens: then `onStandby` is called right before the client finds the same.
 */
export function watchGreeting(socket: Duplex, onStandby: () => void): void {
  let rest = Buffer.alloc(0);
  let isStandby = false;
  const onData = (bytes: Buffer): void => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= HEAD_BYTES) {
      const end = 1 + rest.readUInt32BE(1);
      if (rest.length < end) break;
      if (rest[0] === READY) {
        socket.removeListener("data", onData);
        if (isStandby) onStandby();
        return;
      }
      if (rest[0] === PARAMETER && rest.toString("latin1", HEAD_BYTES, end) === "in_hot_standby\0on\0")
        isStandby = true;
      rest = rest.subarray(end);
    }
    if (rest.length > GREETING_BYTES_MAX) socket.removeListener("data", onData);
  };
  socket.on("data", onData);
}
