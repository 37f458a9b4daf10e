import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { Standstill } from "../../support/pace/standstill.ts";

/** Clients that are never done (slow-clients.ts), as a process of their own, until the end of the scope. */
export function slowClients(port: number, address: string, ofEachKind: number): SlowClients {
  const child = Bun.spawn(
    [process.execPath, `${import.meta.dir}/slow-clients.ts`, String(port), address, String(ofEachKind)],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  return {
    open: (async () => {
      for await (const bytes of child.stdout) if (new TextDecoder().decode(bytes).includes("open")) return;
    })(),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

export interface SlowClients extends AsyncDisposable {
  /** Resolves once all of them were connected. */
  readonly open: Promise<void>;
}

/**
 * Asks on a new connection again and again, as somebody else does.
 *
 * @returns how long the slowest answer took, without the time that the machine itself stood still; Infinity where there
 *   was none
 */
export async function slowestAnswer(port: number, forMilliseconds: number): Promise<number> {
  let slowest = 0;
  await using standstill = await Standstill.watch();
  const until = performance.now() + forMilliseconds;
  while (performance.now() < until) {
    const [before, stood] = [performance.now(), standstill.milliseconds];
    const answered = await askOnce(port);
    const waited = performance.now() - before - (standstill.milliseconds - stood);
    slowest = Math.max(slowest, answered ? waited : Infinity);
    await Bun.sleep(50);
  }
  return slowest;
}

const ANSWER_MILLISECONDS_MAX = 20_000;

function askOnce(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const timer = setTimeout(() => socket.destroy(), ANSWER_MILLISECONDS_MAX);
    let text = "";
    socket.on("data", (bytes: Buffer) => (text += bytes.toString("latin1")));
    socket.on("error", () => {});
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(text.startsWith("HTTP/1.1 200 "));
    });
    socket.write("GET /v1/accounts/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  });
}

/** Of the memory of a process, in megabytes. */
export function memoryOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) / 1024;
}
