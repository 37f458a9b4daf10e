import { bounds } from "../bounds.ts";
import { messageOf } from "../errors.ts";
import type { Cursor } from "../events/cursor.ts";
import type { JournalSource } from "../events/journal-source.ts";
import type {
  DispatchedWebhook,
  DispatchTables,
  Outcome,
  PendingDelivery,
} from "../hooks/dispatch-tables.ts";
import type { WebhookReason, WebhookState } from "../hooks/hook-store.ts";
import { goneShard } from "../hooks/replay-start.ts";
import { WakeableSleep } from "../keep/wakeable-sleep.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { Log } from "../log/log.ts";
import { attempt, type Attempted, isDelivered, type Reach } from "./attempt.ts";
import { deliveryBody } from "./delivery-body.ts";
import type { EventReader } from "./event-reader.ts";
import { endingOf } from "./ending.ts";
import { Lanes } from "./lanes.ts";
import type { Permits } from "./permits.ts";
import { latestAttempt, nextAttempt } from "./retry-plan.ts";
import { takeNext } from "./taker.ts";
import { TargetHealth } from "./target-health.ts";

/** What a worker shares with all others. */
export interface WorkerContext {
  readonly tables: DispatchTables;
  readonly journal: JournalSource;
  readonly reader: EventReader;
  readonly permits: Permits;
  readonly reach: Reach;
  readonly log: Log;
  readonly clock: Clock;
  /** How many deliveries a webhook may have waiting, before more of the journal is read for it. */
  readonly waitingMax: () => number;
}

export interface Clock {
  /** In milliseconds. */
  readonly now: () => number;
  /** From 0 to 1. */
  readonly chance: () => number;
}

type Sendable = { -readonly [Name in keyof PendingDelivery]: PendingDelivery[Name] } & { inFlight: boolean };

/** It looks again after this time, whatever else happens. */
const IDLE_MILLISECONDS = 60_000;
/** A cursor that moved without deliveries is noted so often: to read that stretch again costs little. */
const NOTE_CURSOR_MILLISECONDS = 1_000;
const LOOK_MILLISECONDS = 10;
/** Noted in one transaction: however many wait for it, each is soon over. */
const OUTCOMES_AT_ONCE = 500;
const UNAVAILABLE_MILLISECONDS = 1_000;
/**
 * One webhook. It reads the journal on behind its cursor, makes deliveries of what is for it, and sends those in order of
 * each account; what failed is tried again by the plan. What waits is in memory as it is in the tables.
 *
 * A cursor and its deliveries are kept together before anything of them is sent, and that something was sent is noted
 * after it: killed at any point, nothing is skipped, and what was sent last may be sent again under the same id.
 *
 * Where several deliveries in a row fail, the target is taken to be down. Then only one at a time is tried, those that were
 * tried least first, until one is taken.
 */
export class WebhookWorker {
  readonly #webhook: DispatchedWebhook;
  readonly #context: WorkerContext;
  readonly #sleep = new WakeableSleep();
  #waiting = new Lanes<Sendable>();
  #isLoaded = false;
  /** What is in the tables, and how far it has read. */
  #stored: Cursor;
  #read: Cursor;
  #storedAt = 0;
  #inFlight = 0;
  readonly #outcomes = new Map<string, Outcome>();
  #isNoteDue = false;
  readonly #health: TargetHealth;
  #stopped = false;
  #hasEnded = false;
  #clock = 0;
  #isTroubled = false;

  constructor(webhook: DispatchedWebhook, context: WorkerContext) {
    this.#webhook = webhook;
    this.#context = context;
    this.#stored = webhook.taken;
    this.#read = webhook.taken;
    const { failingSince } = webhook;
    this.#health = new TargetHealth(failingSince === null ? null : failingSince / 1000);
  }

  get isFailing(): boolean {
    return this.#health.failingSince !== null;
  }

  /** Something may have happened: new rows, a free permit, another time. */
  wake(): void {
    this.#sleep.wake();
  }

  /** Deliveries were added by somebody else. */
  reload(): void {
    this.#isLoaded = false;
    this.wake();
  }

  /** What is being sent is completed. */
  stop(): void {
    this.#stopped = true;
    this.wake();
  }

  /** Until it is stopped, or has to stop itself. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        if (!this.#isLoaded) await this.#load();
        this.#followClock();
        const isMore = this.#stopped ? false : await this.#take();
        this.#send();
        this.#recover();
        if (!isMore) await this.#sleep.for(this.#pause());
      } catch (error) {
        await this.#waitForServers(error);
      }
    }
    while (this.#inFlight > 0) await this.#sleep.for(IDLE_MILLISECONDS);
    this.#hasEnded = true;
    await this.#note();
  }

  async #load(): Promise<void> {
    const { tables, journal } = this.#context;
    // Loaded once more while some are being sent, those would be sent twice.
    while (this.#inFlight > 0) await this.#sleep.for(IDLE_MILLISECONDS);
    await this.#note();
    this.#isLoaded = true;
    try {
      const gone = await goneShard(journal, this.#stored);
      if (gone !== null) return await this.#end("paused", "history-changed");
      const waiting = await tables.waiting(this.#webhook);
      this.#waiting = new Lanes();
      for (const delivery of waiting) this.#add(delivery);
      const [first] = this.#leastTried();
      this.#health.noteBefore(first?.tried ?? 0);
      this.#clock = Number.POSITIVE_INFINITY;
    } catch (error) {
      this.#isLoaded = false;
      throw error;
    }
  }

  /** Where the clock went back, what waits for its time would wait for that long more. */
  #followClock(): void {
    const now = this.#context.clock.now();
    if (now < this.#clock) {
      for (const delivery of this.#waiting.values())
        delivery.nextAt = Math.min(delivery.nextAt, latestAttempt(delivery.tried, now) * 1000);
      this.#health.clockWentBack(now);
      this.#storedAt = Math.min(this.#storedAt, now);
    }
    this.#clock = now;
  }

  /** @returns whether there may be more of the journal */
  async #take(): Promise<boolean> {
    const { tables, reader, clock, waitingMax } = this.#context;
    if (this.#waiting.size >= waitingMax()) return false;
    const deliveries: PendingDelivery[] = [];
    const next = [];
    for (const position of this.#read) {
      const taken = await takeNext(reader, this.#webhook, position, clock.now() * 1000);
      if (taken !== null) deliveries.push(...taken.deliveries);
      next.push(taken?.position ?? position);
    }
    const isMore = next.some((position, index) => position !== this.#read[index]);
    const isDue = this.#read !== this.#stored && clock.now() - this.#storedAt > NOTE_CURSOR_MILLISECONDS;
    if (!isMore && !isDue) return false;
    this.#read = next;
    if (deliveries.length === 0 && !isDue) return isMore;
    if (!(await tables.take(this.#webhook, this.#stored, next, deliveries))) {
      // It was changed or deleted: the dispatcher is about to see that.
      this.#stopped = true;
      return false;
    }
    this.#stored = next;
    this.#storedAt = clock.now();
    for (const delivery of deliveries) this.#add(delivery);
    return isMore;
  }

  #add(delivery: PendingDelivery): void {
    this.#waiting.add(keyOf(delivery), { ...delivery, inFlight: false });
  }

  readonly #sendNow = (): void => this.#send();

  #send(): void {
    if (this.#stopped || !this.#isLoaded) return;
    for (const delivery of this.#next()) {
      if (!this.#context.permits.tryTake(this.#sendNow)) return;
      delivery.inFlight = true;
      this.#inFlight += 1;
      this.#deliver(delivery).catch((error) => this.#context.log.alarm(messageOf(error)));
    }
  }

  #next(): readonly Sendable[] {
    const now = this.#context.clock.now();
    const { probeAt } = this.#health;
    if (probeAt === null)
      return this.#waiting.mayGo(now * 1000, bounds.webhook_requests_max - this.#inFlight);
    if (this.#inFlight > 0 || now < probeAt) return [];
    const [probe] = this.#leastTried();
    return probe === undefined ? [] : [probe];
  }

  /** What goes first of each account, whenever it is due: what was tried least comes first. */
  #leastTried(): readonly Sendable[] {
    const heads = this.#waiting.mayGo(Number.POSITIVE_INFINITY, bounds.webhook_waiting_max);
    return heads.toSorted((one, other) => one.tried - other.tried);
  }

  async #deliver(delivery: Sendable): Promise<void> {
    const { clock, permits, log, reach } = this.#context;
    const began = clock.now();
    let attempted: Attempted | null = null;
    try {
      const body = await deliveryBody(this.#context, this.#webhook, delivery);
      if (body === null && delivery.sub !== "") await this.#drop(delivery);
      else if (body === null) await this.#end("paused", "history-changed");
      else attempted = await attempt(reach, this.#webhook, delivery.id, body, delivery.tried);
    } catch (error) {
      if (error instanceof LedgerUnavailable) {
        // Its body could not be read: that is no attempt.
        this.#isLoaded = false;
      } else {
        log.alarm(`webhook ${this.#webhook.id}, event ${delivery.id}: ${messageOf(error)}`);
        attempted = { status: null, error: "a defect of the dispatcher", retryAfter: null };
      }
    } finally {
      this.#inFlight -= 1;
      delivery.inFlight = false;
      permits.release();
    }
    if (attempted !== null) this.#settle(delivery, attempted, began);
    this.#send();
    this.wake();
  }

  async #drop(delivery: Sendable): Promise<void> {
    await this.#context.tables.drop(this.#webhook.id, delivery);
    this.#waiting.remove(keyOf(delivery));
  }

  #settle(delivery: Sendable, { status, error, retryAfter }: Attempted, began: number): void {
    const { clock, log } = this.#context;
    const now = clock.now();
    const key = keyOf(delivery);
    const { firstAt, tried: before } = delivery;
    const tried = before + 1;
    const made = { at: began * 1000, status, error, milliseconds: now - began };
    const attempts = [...delivery.attempts, made].slice(-bounds.delivery_attempts_kept);
    const settled = { ...delivery, tried, attempts, firstAt: firstAt ?? began * 1000 };
    if (isDelivered(status)) {
      this.#waiting.remove(key);
      this.#outcomes.set(key, { delivery: settled, state: "delivered", doneAt: now * 1000 });
      this.#succeed(now);
    } else {
      this.#fail(key, now);
      const failure = { attempts: tried, firstAt: settled.firstAt / 1000, now, retryAfter };
      const next = nextAttempt(failure, clock.chance());
      if (next === null) {
        log.alarm(
          `webhook ${this.#webhook.id}: event ${delivery.id} was not taken within 72 hours (${error ?? ""}) and is parked: ` +
            "mend the target, then set the webhook active again, or replay it.",
        );
        this.#waiting.remove(key);
        this.#outcomes.set(key, { delivery: settled, state: "parked", doneAt: now * 1000 });
      } else {
        const later = { ...settled, nextAt: next * 1000 };
        Object.assign(delivery, later);
        this.#outcomes.set(key, { delivery: later, state: "waiting", doneAt: null });
      }
      if (status === GONE) this.#endSoon("paused", "gone");
    }
    this.#noteSoon();
  }

  #succeed(now: number): void {
    if (!this.#health.succeeded()) return;
    this.#context.log.say(`webhook ${this.#webhook.id}: its target takes deliveries again`);
    for (const delivery of this.#waiting.values()) delivery.nextAt = Math.min(delivery.nextAt, now * 1000);
  }

  #fail(key: string, now: number): void {
    const turned = this.#health.failed(key, now, this.#context.clock.chance());
    if (turned === "failing")
      this.#context.log.warn(
        `webhook ${this.#webhook.id}: its target takes nothing; it is tried now and then`,
      );
    if (turned === "given-up") this.#endSoon("parked", "failed");
  }

  #endSoon(state: WebhookState, reason: WebhookReason): void {
    this.#end(state, reason).catch((error) => this.#context.log.alarm(messageOf(error)));
  }

  /** The webhook stops until somebody sets it going again. */
  async #end(state: WebhookState, reason: WebhookReason): Promise<void> {
    this.#stopped = true;
    const { tables, log } = this.#context;
    const { id } = this.#webhook;
    try {
      if (await tables.stop(this.#webhook, state, reason)) log.alarm(`webhook ${id}: ${endingOf(reason)}.`);
    } catch (error) {
      // The dispatcher starts it again, which comes here again.
      log.warn(`webhook ${id} could not be stopped: ${messageOf(error)}`);
    }
    this.wake();
  }

  #noteSoon(): void {
    if (this.#isNoteDue) return;
    this.#isNoteDue = true;
    setTimeout(() => {
      this.#isNoteDue = false;
      // Nothing is lost: what is noted late, or not at all, may be sent again.
      if (!this.#hasEnded) this.#note().catch(() => this.#noteSoon());
    }, bounds.dispatch_note_milliseconds);
  }

  /** What became of the attempts so far. What is not noted here is noted the next time. */
  async #note(): Promise<void> {
    const all = [...this.#outcomes];
    const { failingSince } = this.#health;
    for (let start = 0; start < all.length; start += OUTCOMES_AT_ONCE) {
      const outcomes = all.slice(start, start + OUTCOMES_AT_ONCE);
      await this.#context.tables.note(
        this.#webhook,
        outcomes.map(([, outcome]) => outcome),
        failingSince === null ? null : failingSince * 1000,
      );
      for (const [key, outcome] of outcomes) {
        if (this.#outcomes.get(key) === outcome) this.#outcomes.delete(key);
      }
    }
  }

  /** How long there is nothing to do; what is sent, or read from the journal, ends it sooner. */
  #pause(): number {
    const now = this.#context.clock.now();
    const { probeAt } = this.#health;
    if (probeAt !== null) {
      const isWaiting = this.#waiting.size > 0 && this.#inFlight === 0;
      return isWaiting ? Math.max(0, Math.min(probeAt - now, IDLE_MILLISECONDS)) : IDLE_MILLISECONDS;
    }
    const idle = this.#read === this.#stored ? IDLE_MILLISECONDS : NOTE_CURSOR_MILLISECONDS;
    if (this.#inFlight >= bounds.webhook_requests_max) return idle;
    const due = this.#waiting.nextDue(now * 1000);
    return due === null ? idle : Math.max(LOOK_MILLISECONDS, Math.min(due / 1000 - now, idle));
  }

  async #waitForServers(error: unknown): Promise<void> {
    const { log, reader } = this.#context;
    this.#isLoaded = false;
    this.#read = this.#stored;
    reader.forget();
    if (!this.#isTroubled) log.warn(`webhook ${this.#webhook.id} waits: ${messageOf(error)}`);
    this.#isTroubled = true;
    await this.#sleep.for(UNAVAILABLE_MILLISECONDS);
  }

  #recover(): void {
    if (this.#isTroubled) this.#context.log.say(`webhook ${this.#webhook.id} goes on`);
    this.#isTroubled = false;
  }
}

const GONE = 410;

function keyOf({ shard, g, event, sub }: PendingDelivery): string {
  return `${shard} ${g} ${event} ${sub}`;
}
