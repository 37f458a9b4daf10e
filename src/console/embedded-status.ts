import type { Micros } from "../ledger/account.ts";
import type { LedgerTotals } from "../ledger/ledger.ts";
import type { EdgeCounters } from "../metrics/edge-counters.ts";
import type { WebhookSource } from "../metrics/observe-embedded.ts";
import { timestamp } from "../http/timestamp.ts";
import { unitJson } from "../http/v1/json.ts";
import { type Activity, doneBetween, secondOf } from "./activity.ts";
import type { ConsoleStatus } from "./console-status.ts";
import { DETAILS } from "./part-details.ts";
import { PartStates } from "./part-states.ts";
import { activityNow, refusalsNow, webhooksIn } from "./read-samples.ts";
import { PACE, type Pace, Rounds } from "./rounds.ts";
import type { StatusSource } from "./status-source.ts";

export interface EmbeddedStatusOptions {
  readonly version: string;
  readonly ledger: {
    totals(): Promise<Pick<LedgerTotals, "units">>;
    /** Why commits fail at present; `null`: they do not. */
    readonly trouble: string | null;
  };
  readonly counters: EdgeCounters;
  readonly lastAudit: () => ConsoleStatus["audit"];
  readonly webhooks: WebhookSource;
  readonly pace?: Pace;
  readonly clock?: () => Micros;
}

/** The status of the embedded server, in its own process. Nothing is done for it but a seldom reading while nobody looks. */
export class EmbeddedStatus implements StatusSource {
  readonly #options: EmbeddedStatusOptions;
  readonly #clock: () => Micros;
  readonly #rounds: Rounds;
  readonly #parts = new PartStates();
  #activity: Activity | null = null;
  #second = secondOf([]);
  #audit: ConsoleStatus["audit"] = null;
  #units: ConsoleStatus["units"] = [];
  #addingUp = false;
  #webhooks = webhooksIn([]);
  #isCounting = false;

  constructor(options: EmbeddedStatusOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => Date.now() * 1000);
    this.#rounds = new Rounds(() => this.#look(), options.pace ?? PACE);
    this.#parts.saw("server", "up", null, this.#clock());
    this.#sawFile();
  }

  async status(): Promise<ConsoleStatus> {
    await this.#rounds.looked();
    this.#sawFile();
    return {
      at: timestamp(this.#clock()),
      shape: "embedded",
      version: this.#options.version,
      second: this.#second,
      refusals: refusalsNow(this.#options.counters),
      books: { lag_ms: 0, batches: 0 },
      outbox: null,
      parts: this.#parts.list(),
      audit: this.#audit,
      units: this.#units,
      webhooks: this.#webhooks,
    };
  }

  async close(): Promise<void> {
    await this.#rounds.close();
  }

  async #look(): Promise<void> {
    this.#sawFile();
    this.#addUp().catch(() => {});
    this.#countWebhooks().catch(() => {});
    const { counters, lastAudit } = this.#options;
    this.#audit = lastAudit();
    const activity = activityNow(counters);
    this.#second = secondOf(this.#activity === null ? [] : [doneBetween(this.#activity, activity)]);
    this.#activity = activity;
  }

  /** Where they cannot be read, what was known stays. */
  async #countWebhooks(): Promise<void> {
    const { webhooks: source } = this.#options;
    const { isDispatching } = source;
    // Nothing of it is shown before there are webhooks.
    if (isDispatching === null || this.#isCounting) return;
    const [state, detail] = isDispatching
      ? (["up", null] as const)
      : (["down", DETAILS.isRestarted[0]] as const);
    this.#parts.saw("dispatch", state, detail, this.#clock());
    this.#isCounting = true;
    try {
      const { webhooks, parked, waiting } = await source.counts();
      const of = (wanted: string): number => webhooks.filter((webhook) => webhook.state === wanted).length;
      this.#webhooks = { active: of("active"), failing: of("failing"), parked, backlog: waiting };
    } finally {
      this.#isCounting = false;
    }
  }

  #sawFile(): void {
    const { trouble } = this.#options.ledger;
    this.#parts.saw("data file", trouble === null ? "up" : "troubled", trouble, this.#clock());
  }

  /**
   * The first time the ledger adds up its tables, which may take long; from then on it knows. Where it fails, what was known
   * stays, and the next round tries again.
   */
  async #addUp(): Promise<void> {
    if (this.#addingUp) return;
    this.#addingUp = true;
    try {
      const { units } = await this.#options.ledger.totals();
      this.#units = units.map(unitJson);
    } finally {
      this.#addingUp = false;
    }
  }
}
