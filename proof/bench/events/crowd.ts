import { connect } from "node:net";

/**
 * `crowd.ts <url> <count> <query>` follows events with so many connections, and does nothing with what comes. In a process
 * of its own, so that who measures has time. It says `ready` when each has had the beginning of its stream, and at the end
 * of its input how many bytes came, and how many streams were ended before. As in HTTP/1.1, without a client that would
 * cost more than the server.
 */
const [, , url = "", count = "", query = ""] = process.argv;
const { hostname, port, host } = new URL(url);
const request = `GET /v1/events?${query} HTTP/1.1\r\nHost: ${host}\r\nAccept: text/event-stream\r\n\r\n`;

let bytes = 0;
let ended = 0;
await Promise.all(Array.from({ length: Number(count) }, follow));
console.log("ready");
process.stdin.on("data", () => {});
process.stdin.on("end", () => {
  console.log(`bytes ${bytes} ended ${ended}`);
  process.exit(0);
});

function follow(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host: hostname, port: Number(port) });
  socket.once("connect", () => socket.write(request));
  socket.once("data", (first: Buffer) => {
    const head = first.toString("latin1");
    if (head.startsWith("HTTP/1.1 200")) resolve();
    else reject(new Error(head));
  });
  socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
  socket.on("error", reject);
  socket.on("close", () => {
    ended += 1;
    reject(new Error("a stream was ended before it began"));
  });
  return promise;
}
