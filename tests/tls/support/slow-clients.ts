import { connect, type Socket } from "node:net";

/**
 * `slow-clients.ts <port> <address> <count of each kind>`: clients that are never done, from one address of loopback.
 * Some send a request and stay, some send a head byte by byte, some a body that never ends, some nothing. Where one is
 * closed, it comes again. Prints "open" once all were let in or turned away.
 */
const [port = "0", localAddress = "127.0.0.1", ofEachKind = "0"] = process.argv.slice(2);
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

let tried = 0;
const wanted = KINDS.length * Number(ofEachKind);

function open(kind: Kind, isFirst: boolean): void {
  const socket: Socket = connect({ host: "127.0.0.1", port: Number(port), localAddress });
  let drip: Timer | undefined;
  let isCounted = !isFirst;
  const count = (): void => {
    if (isCounted) return;
    isCounted = true;
    tried += 1;
    if (tried === wanted) console.log("open");
  };
  socket.once("connect", () => {
    count();
    if (kind.first !== "") socket.write(kind.first);
    if (kind.drip !== "") drip = setInterval(() => socket.write(kind.drip), DRIP_MILLISECONDS);
  });
  socket.on("data", () => {});
  socket.on("error", () => {});
  socket.once("close", () => {
    count();
    clearInterval(drip);
    setTimeout(() => open(kind, false), AGAIN_MILLISECONDS);
  });
}

for (let index = 0; index < Number(ofEachKind); index += 1) for (const kind of KINDS) open(kind, true);
