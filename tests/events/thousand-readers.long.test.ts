import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(180_000);

const READERS = 1_000;
const EVENTS = 1_000;
const BATCH = 50;
const MEGABYTE = 1024 * 1024;
/** One address may have 400 connections. */
const ADDRESSES = 4;
const MARK = Buffer.from("\ndata: ");
const SEQ = Buffer.from('"seq":');

/**
 * A reader that keeps nothing of what it has read, but the first number that did not follow the one before. It looks for
 * each event's data line, and there for the account's seq.
 */
class CountingReader {
  next = 1;
  fault: string | null = null;
  isReady = false;
  readonly socket: Socket;
  #rest: Buffer = Buffer.alloc(0);

  constructor(port: number, address: string) {
    this.socket = connect({ port, host: "127.0.0.1", localAddress: address });
    this.socket.on("error", (error) => (this.fault ??= String(error)));
    this.socket.on("close", () => (this.fault ??= "it was closed"));
    this.socket.on("data", (bytes: Buffer) => this.#take(bytes));
    // HTTP/1.0, so that there are no frames of chunks in it.
    const path = "/v1/events?after=latest&account=1&type=transaction.created";
    this.socket.write(`GET ${path} HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n`);
  }

  #take(bytes: Buffer): void {
    const text = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.isReady ||= text.includes("retry: ");
    let at = 0;
    for (;;) {
      const data = text.indexOf(MARK, at);
      if (data === -1) break;
      const end = text.indexOf("\n\n", data + MARK.length);
      if (end === -1) break;
      const digits = text.indexOf(SEQ, data) + SEQ.length;
      const seq = Number.parseInt(text.toString("latin1", digits, digits + 8), 10);
      if (seq !== this.next) this.fault ??= `${seq} came where ${this.next} was due`;
      this.next = seq + 1;
      at = end + 1;
    }
    this.#rest = Buffer.from(text.subarray(at));
  }
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

describe.skipIf(serversMissing !== null)("a thousand readers through HAProxy", () => {
  test("each have a thousand events, in order, none missing and none twice, and the APIs' memory is bounded", async () => {
    using folder = temporaryFolder();
    await using stack = await startStack({ data: join(folder.path, "data"), real: true });
    const port = Number(new URL(stack.url).port);
    const apis = stack.description().processes.filter(({ name }) => name.startsWith("api"));
    const before = apis.map(({ pid }) => residentBytes(pid));
    const readers: CountingReader[] = [];
    for (let n = 0; n < READERS; n += 1) {
      readers.push(new CountingReader(port, `127.0.0.${2 + (n % ADDRESSES)}`));
      if (n % 50 === 49) await eventually("those before are in", () => readers.every((one) => one.isReady));
    }
    let most = 0;
    const looked = setInterval(() => {
      for (const [index, { pid }] of apis.entries())
        most = Math.max(most, residentBytes(pid) - (before[index] ?? 0));
    }, 100);
    const body = { postings: [{ from: "@world", to: "1", amount: 1 }] };
    const commands = Array.from({ length: BATCH }, () => ({ op: "transaction", body }));
    for (let n = 0; n < EVENTS; n += BATCH)
      expect((await call(stack.url, "POST", "/v1/batches", { atomic: false, commands })).status).toBe(200);
    await eventually(
      "all have all",
      () => readers.every(({ next, fault }) => next > EVENTS || fault !== null),
      () => readers.filter(({ next }) => next <= EVENTS).length,
      90_000,
    );
    clearInterval(looked);
    expect(readers.flatMap(({ fault }) => fault ?? [])).toEqual([]);
    expect(readers.map(({ next }) => next)).toEqual(readers.map(() => EVENTS + 1));
    // A buffer of its own for each reader would take 350 MB.
    expect(most).toBeLessThan(200 * MEGABYTE);
    for (const { socket } of readers) socket.destroy();
    expect(await stack.stop()).toBe(0);
  });
});
