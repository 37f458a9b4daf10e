import { connect, type Socket } from "node:net";

/**
 * `slow-clients.ts <port> <address> <count of each kind>`: clients that are never done, from one address of loopback.
 * Some send a request and stay, some send a head byte by byte, some a body that never ends, some nothing. Where one is
 * closed, it comes again. Prints "open" once all were there.
 */
const [port = "0", localAddress = "127.0.0.1", count = "0"] = process.argv.slice(2);
const DRIP_MILLISECONDS = 1_000;
const AGAIN_MILLISECONDS = 200;

interface Kind {
  readonly first: string;
  readonly drip: string;
}

const KINDS: readonly Kind[] = [
  { first: "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", drip: "" },
  { first: "GET /readyz HTTP/1.1\r\nHost: x\r\nX-Slow: ", drip: "a" },
  { first: "POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 8000\r\n\r\n{", drip: " " },
  { first: "", drip: "" },
];

let opened = 0;
const wanted = KINDS.length * Number(count);

function open(kind: Kind, isFirst: boolean): void {
  const socket: Socket = connect({ host: "127.0.0.1", port: Number(port), localAddress });
  let drip: Timer | undefined;
  socket.once("connect", () => {
    if (isFirst) opened += 1;
    if (isFirst && opened === wanted) console.log("open");
    if (kind.first !== "") socket.write(kind.first);
    if (kind.drip !== "") drip = setInterval(() => socket.write(kind.drip), DRIP_MILLISECONDS);
  });
  socket.on("data", () => {});
  socket.on("error", () => {});
  socket.once("close", () => {
    clearInterval(drip);
    setTimeout(() => open(kind, false), AGAIN_MILLISECONDS);
  });
}

for (let index = 0; index < Number(count); index += 1) for (const kind of KINDS) open(kind, true);
