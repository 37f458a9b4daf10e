import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Follower } from "../support/followers/event-client.ts";

failOnLeaks();
setDefaultTimeout(240_000);

const MEGABYTE = 1024 * 1024;
/** With as much text as may be, so that few decisions make much to be told. */
const METADATA = Object.fromEntries(Array.from({ length: 4 }, (_, n) => [`n${n}`, "x".repeat(200)]));
const BATCH = 200;

async function decideMany(url: string, count: number): Promise<void> {
  const body = { postings: [{ from: "@world", to: "1", amount: 1 }], metadata: METADATA };
  for (let left = count; left > 0; left -= BATCH) {
    const commands = Array.from({ length: Math.min(BATCH, left) }, () => ({ op: "transaction", body }));
    expect((await call(url, "POST", "/v1/batches", { atomic: false, commands })).status).toBe(200);
  }
}

/** Asks for a stream and reads nothing of it. */
async function stalledReader(port: number): Promise<Socket> {
  const socket = await connected(port);
  socket.pause();
  socket.write("GET /v1/events?after=latest HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
  return socket;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once("connect", () => resolve());
  socket.on("error", () => {});
  await promise;
  return socket;
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

test.skipIf(process.platform !== "linux")(
  "readers that read nothing are cut off, and make the server no larger",
  async () => {
    using folder = temporaryFolder();
    await using server = await startServer({ data: folder.path });
    // What the ring takes, it takes once: it is full before anybody stalls.
    const reader = new Follower(() => server.url, "after=latest");
    await decideMany(server.url, 10_000);
    await eventually("the reader has all", () => reader.events.length >= 10_000);
    const stalled = await Promise.all(Array.from({ length: 20 }, () => stalledReader(server.port)));
    const before = residentBytes(server.pid);
    await decideMany(server.url, 40_000);
    await eventually("the reader goes on", () => reader.events.length >= 50_000);
    // A buffer for each of them would have taken 64 MB, twenty times.
    expect(residentBytes(server.pid) - before).toBeLessThan(200 * MEGABYTE);
    await reader.stop();
    let received = 0;
    const ended = stalled.map((socket) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      let last = "";
      socket.on("data", (bytes: Buffer) => {
        received += bytes.length;
        last = (last + bytes.toString("latin1")).slice(-5);
        // The end of the answer, while the connection stays.
        if (last === "0\r\n\r\n") resolve();
      });
      socket.resume();
      return promise;
    });
    await Promise.all(ended);
    // What the kernel had taken before, and no more.
    expect(received / stalled.length).toBeLessThan(16 * MEGABYTE);
    for (const socket of stalled) socket.destroy();
  },
);

test("a thousand readers of one server have all, in order", async () => {
  using folder = temporaryFolder();
  await using server = await startServer({ data: folder.path });
  // Sockets: `fetch` has no more than 256 requests under way.
  const readers: { socket: Socket; text: string }[] = [];
  const query = "account=1&type=transaction.created";
  for (let n = 0; n < 1_000; n += 1) {
    const socket = await connected(server.port);
    const reader = { socket, text: "" };
    socket.on("data", (bytes: Buffer) => (reader.text += bytes.toString("latin1")));
    socket.write(`GET /v1/events?${query} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n`);
    readers.push(reader);
  }
  const credit = { valor: 1, tipo: "c", descricao: "x" };
  for (let n = 0; n < 100; n += 1)
    expect((await call(server.url, "POST", "/clientes/1/transacoes", credit)).status).toBe(200);
  const seqs = ({ text }: { readonly text: string }): number[] =>
    // Without the frames of chunks.
    [...text.replaceAll(/\r\n[0-9a-f]+\r\n/g, "").matchAll(/"seq":(\d+)/g)].map(([, seq]) => Number(seq));
  const waiting = new Set(readers);
  await eventually(
    "all have all",
    () => {
      for (const reader of waiting)
        if (seqs({ text: reader.text.slice(-2_000) }).at(-1) === 100) waiting.delete(reader);
      return waiting.size === 0;
    },
    () => waiting.size,
    110_000,
  );
  const all = Array.from({ length: 100 }, (_, n) => n + 1);
  expect(readers.filter((reader) => seqs(reader).join() !== all.join())).toEqual([]);
  for (const { socket } of readers) socket.destroy();
});
