import { readFileSync } from "node:fs";
import { ENVIRONMENT } from "../../src/config.ts";
import { StartError } from "../../src/errors.ts";

/** Linux counts CPU time in ticks of a hundredth of a second (USER_HZ). */
const MICROSECONDS_A_TICK = 10_000;

/** A server in its own process, whose CPU time and memory are read from the kernel. */
export interface MeasuredServer {
  readonly url: string;
  readonly pid: number;
  /** User and system time of all threads so far, in microseconds, exact to a hundredth of a second. */
  cpuMicroseconds(): number;
  residentBytes(): number;
  stop(): Promise<void>;
  /** Kills it. @returns its final {@link cpuMicroseconds}, exact to the microsecond */
  kill(): Promise<number>;
}

/**
 * Starts a server.
 *
 * @param command must print "listens on" and its address
 * @param environment beside that of this process
 * @throws StartError if it ends before that
 */
export async function startMeasuredServer(
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<MeasuredServer> {
  const child = Bun.spawn([...command], {
    env: { ...ENVIRONMENT, ...environment },
    stdout: "pipe",
    stderr: "inherit",
  });
  const url = await addressPrinted(child.stdout);
  if (url === null) throw new StartError(`${command.join(" ")} ended before it listened.`);
  return {
    url,
    pid: child.pid,
    cpuMicroseconds: () => {
      // proc(5): after the name in parentheses, utime and stime are the fields 12 and 13.
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ");
      return (Number(fields[11]) + Number(fields[12])) * MICROSECONDS_A_TICK;
    },
    residentBytes: () => {
      const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"));
      return Number(line?.[1]) * 1024;
    },
    stop: async () => {
      child.kill("SIGTERM");
      await child.exited;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await child.exited;
      return Number(child.resourceUsage()?.cpuTime.total ?? 0);
    },
  };
}

async function addressPrinted(output: ReadableStream<Uint8Array>): Promise<string | null> {
  const reader = output.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return null;
    text += decoder.decode(value, { stream: true });
    const address = /listens on (\S+)\n/.exec(text)?.[1];
    if (address !== undefined) return address;
  }
}
