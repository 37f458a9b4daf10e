import { readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";

/** Damages JetStream's files on disk, while NATS is not running. */
export class NatsStoreCorruptor {
  readonly #folder: string;

  /** @param folder NATS's store folder */
  constructor(folder: string) {
    this.#folder = join(folder, "jetstream");
  }

  empty(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /**
   * Cuts off the second half of the newest file of messages. Returns how many bytes that was; 0 if there is no file.
   */
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
      // Another fault has emptied it.
      return [];
    }
  }
}
