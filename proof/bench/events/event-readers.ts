import { fileURLToPath } from "node:url";
import { StartError } from "../../../src/errors.ts";
import type { AccountId } from "../../../src/ledger/account.ts";
import { EventWatch } from "./event-watch.ts";

/** Who follows the events while load is applied: one whose events are timed, and a crowd that only reads. */
export interface EventReaders {
  /** `null` where nobody follows. */
  readonly watch: EventWatch | null;
  stop(): Promise<ReadersReport>;
}

export interface ReadersReport {
  /** What came to the crowd. */
  readonly bytes: number;
  /** Streams of the crowd that were ended by the server. */
  readonly ended: number;
  /** Of the crowd's process. */
  readonly cpuMicroseconds: number;
}

/**
 * @param count in all
 * @param watched whose events the timed one follows; `null`: all
 * @param followed whose events the crowd follows; `null`: all
 * @throws StartError if the server does not take them
 */
export async function startReaders(
  url: string,
  count: number,
  watched: AccountId | null,
  followed: AccountId | null,
): Promise<EventReaders> {
  const crowd = count > 1 ? await startCrowd(url, count - 1, followed) : null;
  const watch = count > 0 ? await EventWatch.start(url, watched) : null;
  return {
    watch,
    stop: async () => {
      watch?.stop();
      return crowd === null ? { bytes: 0, ended: 0, cpuMicroseconds: 0 } : crowd.stop();
    },
  };
}

async function startCrowd(url: string, count: number, account: AccountId | null) {
  const source = fileURLToPath(new URL("./crowd.ts", import.meta.url));
  const query = `after=latest${account === null ? "" : `&account=${account}`}`;
  const child = Bun.spawn([process.execPath, source, url, String(count), query], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const said = child.stdout.getReader();
  const first = await said.read();
  if (first.done) throw new StartError(`${count} readers could not follow the events of ${url}.`);
  return {
    stop: async (): Promise<ReadersReport> => {
      await child.stdin.end();
      const last = new TextDecoder().decode((await said.read()).value);
      await child.exited;
      const [, bytes, ended] = /bytes (\d+) ended (\d+)/.exec(last) ?? [];
      const cpuMicroseconds = Number(child.resourceUsage()?.cpuTime.total ?? 0);
      return { bytes: Number(bytes), ended: Number(ended), cpuMicroseconds };
    },
  };
}
