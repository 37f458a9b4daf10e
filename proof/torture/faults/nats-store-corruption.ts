import { readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";

/** What JetStream has on disk, damaged. For a NATS that is not running. */
export class NatsStoreCorruptor {
  readonly #folder: string;

  /** @param folder the one that NATS is told as its store */
  constructor(folder: string) {
    this.#folder = join(folder, "jetstream");
  }

  empty(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Takes away the second half of the newest file with messages. Returns how many bytes that was; 0 where none is. */
  truncate(): number {
    const newest = this.#messageFiles().toSorted((a, b) => b.number - a.number)[0];
    if (newest === undefined) return 0;
    const { size } = statSync(newest.path);
    truncateSync(newest.path, Math.floor(size / 2));
    return size - Math.floor(size / 2);
  }

  #messageFiles(): { number: number; path: string }[] {
    try {
      return readdirSync(this.#folder, { recursive: true, encoding: "utf8" }).flatMap((name) => {
        const number = /msgs\/(\d+)\.blk$/.exec(name)?.[1];
        return number === undefined ? [] : [{ number: Number(number), path: join(this.#folder, name) }];
      });
    } catch {
      // Another harm has emptied it.
      return [];
    }
  }
}
