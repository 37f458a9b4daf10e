import { bounds } from "../bounds.ts";
import { connectPostgres, LOCK_CLASS, type Sql, writerLock } from "./postgres-client.ts";
import { withTimeout } from "./query-timeout.ts";

/**
 * The role of a shard's active writer: a session lock in PostgreSQL, on a connection that serves for nothing else.
 * PostgreSQL lets go of it when the connection ends, however it ends, and then another process may have it. Once it
 * is lost, this one never gets it back: a new one has to be made.
 *
 * It keeps two writers from doing the same work; that no batch is kept twice is for the cursor to see to, since
 * between the loss and its notice both may believe to be the one.
 */
export class Leadership {
  readonly #sql: Sql;
  readonly #shard: number;
  readonly #onLost: () => void;
  #state: "standing by" | "held" | "lost" = "standing by";
  #proof: ReturnType<typeof setInterval> | undefined;
  #proving = false;

  constructor(databaseUrl: string, shard: number, onLost: () => void) {
    this.#shard = shard;
    this.#onLost = onLost;
    this.#sql = connectPostgres({
      url: databaseUrl,
      name: `razonete writer ${shard}`,
      connections_max: 1,
      onClose: () => this.#lose(),
    });
  }

  get held(): boolean {
    return this.#state === "held";
  }

  /**
   * @returns whether the role is held now
   * @throws Error where PostgreSQL cannot be reached
   */
  async tryTake(): Promise<boolean> {
    const [row] = await withTimeout(
      this.#sql<{ taken: boolean }[]>`
        SELECT pg_try_advisory_lock(${LOCK_CLASS}::int, ${writerLock(this.#shard)}::int) AS taken`,
      () => this.#lose(),
    );
    // The connection may have ended between PostgreSQL's answer and this line.
    if (this.#state === "lost") throw new Error("the connection to PostgreSQL was lost");
    if (row?.taken !== true) return false;
    this.#state = "held";
    this.#proof = setInterval(() => this.#prove(), bounds.role_look_milliseconds);
    return true;
  }

  /** Lets go of the role, if it is held, and of the connection. */
  async release(): Promise<void> {
    clearInterval(this.#proof);
    this.#state = "lost";
    await this.#sql.end({ timeout: 1 });
  }

  /** A connection on which nothing is asked would not notice that its other end is gone. */
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
