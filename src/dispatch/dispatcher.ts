import type { AccessKeySource, KeptKey } from "../access/kept-key.ts";
import { bounds } from "../bounds.ts";
import { messageOf } from "../errors.ts";
import type { JournalSource } from "../events/journal-source.ts";
import type { Definitions, DispatchedWebhook, DispatchTables } from "../hooks/dispatch-tables.ts";
import { WakeableSleep } from "../keep/wakeable-sleep.ts";
import type { Log } from "../log/log.ts";
import type { Reach } from "./attempt.ts";
import { endingOf } from "./ending.ts";
import { EventReader } from "./event-reader.ts";
import { Permits } from "./permits.ts";
import { type BooksNow, WatchLoop } from "./watch-loop.ts";
import { type Clock, WebhookWorker, type WorkerContext } from "./webhook-worker.ts";

export interface DispatcherOptions {
  readonly tables: DispatchTables;
  /** The same tables for what is delivered, which is much: what webhooks there are, and watches, do not wait for it. */
  readonly deliveries: DispatchTables;
  readonly journal: JournalSource;
  readonly books: BooksNow;
  /** Of the access keys: a webhook ends with the key that made it. */
  readonly keys: AccessKeySource;
  readonly reach: Reach;
  readonly log: Log;
  readonly clock?: Clock;
}

interface Running {
  readonly worker: WebhookWorker;
  readonly version: number;
}

const PRUNE_MILLISECONDS = 600_000;
const SYSTEM_CLOCK: Clock = { now: () => Date.now(), chance: () => Math.random() };

/**
 * Sends what webhooks are to be told, and follows watches: one worker for each webhook, so that a target that is down
 * holds up nobody else. It looks now and then what webhooks and watches there are, and reads nothing else without any.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #context: WorkerContext;
  readonly #watchLoop: WatchLoop;
  readonly #running = new Map<string, Running>();
  readonly #ended: Set<Promise<void>> = new Set();
  readonly #look = new WakeableSleep();
  readonly #watching = new WakeableSleep();
  #definitions: Definitions = { webhooks: [], watches: [] };
  #keys: ReadonlyMap<string, KeptKey> = new Map();
  #stopListening: (() => void) | null = null;
  #stopped = false;
  #isTroubled = false;
  #isWatchTroubled = false;
  #prunedAt = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    const { tables, deliveries, journal, books, reach, log, clock = SYSTEM_CLOCK } = options;
    const reader = new EventReader(journal);
    const permits = new Permits(bounds.dispatch_requests_max);
    const waitingMax = (): number => waitingMaxOf(this.#running.size);
    this.#context = { tables: deliveries, journal, reader, permits, reach, log, clock, waitingMax };
    this.#watchLoop = new WatchLoop({ tables, journal, reader, books, log });
  }

  /** Until it is stopped; then what is being sent is completed. */
  async run(): Promise<void> {
    const watching = this.#watch();
    while (!this.#stopped) {
      try {
        await this.#reconcile();
        this.#recover();
      } catch (error) {
        this.#trouble(error);
      }
      await this.#look.for(bounds.dispatch_look_milliseconds);
    }
    this.#stopListening?.();
    for (const { worker } of this.#running.values()) worker.stop();
    await Promise.all([watching, ...this.#ended]);
  }

  stop(): void {
    this.#stopped = true;
    this.#look.wake();
    this.#watching.wake();
  }

  /** The clock was moved, in a test: whatever waits for its time looks again. */
  wake(): void {
    for (const { worker } of this.#running.values()) worker.wake();
    this.#watching.wake();
  }

  async #reconcile(): Promise<void> {
    const { tables } = this.#options;
    const { now } = this.#context.clock;
    this.#definitions = await tables.definitions(now() * 1000);
    const { webhooks, watches } = this.#definitions;
    this.#listen(webhooks.length + watches.length > 0);
    if (webhooks.length > 0) await this.#readKeys();
    const wanted = new Map(webhooks.map((webhook) => [webhook.id, webhook]));
    for (const [id, { worker, version }] of this.#running) {
      const webhook = wanted.get(id);
      if (webhook?.version !== version || webhook.state !== "active") worker.stop();
    }
    for (const webhook of webhooks) {
      if (webhook.state !== "active" || this.#running.has(webhook.id)) continue;
      if (this.#isRevoked(webhook)) await this.#revoke(webhook);
      else this.#start(webhook);
    }
    for (const { id, version } of webhooks) {
      const running = this.#running.get(id);
      const webhook = wanted.get(id);
      if (
        running !== undefined &&
        webhook !== undefined &&
        running.version === version &&
        this.#isRevoked(webhook)
      ) {
        running.worker.stop();
        await this.#revoke(webhook);
      }
    }
    if (webhooks.length > 0 && now() - this.#prunedAt > PRUNE_MILLISECONDS) {
      await tables.prune(now() * 1000);
      this.#prunedAt = now();
    }
  }

  #start(webhook: DispatchedWebhook): void {
    const worker = new WebhookWorker(webhook, this.#context);
    this.#running.set(webhook.id, { worker, version: webhook.version });
    const ended = worker
      .run()
      .catch((error) => {
        this.#options.log.warn(`webhook ${webhook.id}: ${messageOf(error)}`);
      })
      .finally(() => {
        this.#running.delete(webhook.id);
        this.#ended.delete(ended);
        // If it was changed it begins again at once.
        this.#look.wake();
      });
    this.#ended.add(ended);
  }

  async #readKeys(): Promise<void> {
    const changed = await this.#options.keys.readChanged();
    if (changed !== null) this.#keys = new Map(changed.map((key) => [key.name, key]));
  }

  #isRevoked({ owner }: DispatchedWebhook): boolean {
    const key = this.#keys.get(owner);
    if (owner === "" || key === undefined) return false;
    const now = this.#context.clock.now() * 1000;
    return key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now);
  }

  async #revoke(webhook: DispatchedWebhook): Promise<void> {
    if (await this.#options.tables.stop(webhook, "paused", "key-revoked"))
      this.#options.log.alarm(`webhook ${webhook.id}: ${endingOf("key-revoked")}.`);
  }

  /** While there is anything to follow. */
  #listen(isWanted: boolean): void {
    if (isWanted === (this.#stopListening !== null)) return;
    this.#stopListening?.();
    this.#stopListening = isWanted ? this.#options.journal.onKept(() => this.wake()) : null;
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      const { watches } = this.#definitions;
      let isMore = false;
      try {
        // Without watches the journal is not read: the next one begins at its end.
        if (watches.length === 0) this.#watchLoop.forget();
        else {
          const step = await this.#watchLoop.step(watches);
          for (const id of step.touched) this.#running.get(id)?.worker.reload();
          isMore = step.isMore;
        }
        if (this.#isWatchTroubled) this.#options.log.say("watches go on");
        this.#isWatchTroubled = false;
      } catch (error) {
        this.#watchLoop.forget();
        if (!this.#isWatchTroubled) this.#options.log.warn(`watches wait: ${messageOf(error)}`);
        this.#isWatchTroubled = true;
        await Bun.sleep(bounds.dispatch_look_milliseconds);
      }
      if (isMore) continue;
      // A new watch is armed soon, also while nothing happens.
      await this.#watching.for(bounds.dispatch_look_milliseconds);
    }
  }

  #trouble(error: unknown): void {
    if (!this.#isTroubled) this.#options.log.warn(`waits: ${messageOf(error)}`);
    this.#isTroubled = true;
  }

  #recover(): void {
    if (this.#isTroubled) this.#options.log.say("goes on");
    this.#isTroubled = false;
  }
}

/** All of them together have a bound, too: each delivery that waits is in memory. */
function waitingMaxOf(webhooks: number): number {
  const share = Math.floor(bounds.dispatch_waiting_max / Math.max(1, webhooks));
  return Math.max(bounds.webhook_waiting_min, Math.min(share, bounds.webhook_waiting_max));
}
