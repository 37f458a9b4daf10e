import { bounds } from "../bounds.ts";
import { connectPostgres, LOCK_CLASS, type Sql } from "./postgres-client.ts";
import { withTimeout } from "./query-timeout.ts";

/** What only one process may do at a time. */
export interface LedWork {
  /** Of the connection, as PostgreSQL shows it. */
  readonly name: string;
  /** The number of its lock, within LOCK_CLASS. */
  readonly lock: number;
}

/**
 * The leadership among processes that could all do the same work, as the writers of a shard. It is a session lock (an advisory lock) in PostgreSQL, on a connection
 * that is used for nothing else. When the connection ends, for whatever reason, PostgreSQL releases the lock, and
 * another process can take it. After a loss, this object never holds the lock again: a new one has to be created.
 *
 * The lock only prevents two processes from doing the same work. It does not ensure that nothing is done twice, since
 * until one notices the loss of its lock, two of them may believe that they are the leader. For batches the cursor ensures it.
 */
export class Leadership {
  readonly #sql: Sql;
  readonly #lock: number;
  readonly #onLost: () => void;
  #state: "standing by" | "held" | "lost" = "standing by";
  #proof: ReturnType<typeof setInterval> | undefined;
  #proving = false;

  constructor(databaseUrl: string, { name, lock }: LedWork, onLost: () => void) {
    this.#lock = lock;
    this.#onLost = onLost;
    this.#sql = connectPostgres({
      url: databaseUrl,
      name,
      connections_max: 1,
      onClose: () => this.#lose(),
    });
  }

  get held(): boolean {
    return this.#state === "held";
  }

  /**
   * @returns whether this process is the leader now
   * @throws Error if PostgreSQL cannot be reached
   */
  async tryTake(): Promise<boolean> {
    const [row] = await withTimeout(
      this.#sql<{ taken: boolean }[]>`
        SELECT pg_try_advisory_lock(${LOCK_CLASS}::int, ${this.#lock}::int) AS taken`,
      () => this.#lose(),
    );
    // The connection may have been lost since PostgreSQL answered.
    if (this.#state === "lost") throw new Error("the connection to PostgreSQL was lost");
    if (row?.taken !== true) return false;
    this.#state = "held";
    this.#proof = setInterval(() => this.#prove(), bounds.role_look_milliseconds);
    return true;
  }

  /** Releases the lock, if it is held, and closes the connection. */
  async release(): Promise<void> {
    clearInterval(this.#proof);
    this.#state = "lost";
    await this.#sql.end({ timeout: 1 });
  }

  /** Queries the connection now and then: an idle connection would not notice that its other end is gone. */
  #prove(): void {
    if (this.#proving) return;
    this.#proving = true;
    withTimeout(this.#sql`SELECT 1`, () => this.#lose())
      .catch(() => this.#lose())
      .finally(() => {
        this.#proving = false;
      });
  }

  #lose(): void {
    const wasHeld = this.held;
    this.#state = "lost";
    clearInterval(this.#proof);
    if (wasHeld) this.#onLost();
  }
}
