import { expect } from "bun:test";
import { z } from "zod";
import { eventually } from "../../support/eventually.ts";

const alertsAnswer = z.object({
  data: z.object({
    alerts: z.array(
      z.object({ state: z.enum(["pending", "firing"]), labels: z.object({ alertname: z.string() }) }),
    ),
  }),
});

const WAIT_SECONDS_MAX = 10;
/** Between two looks of Prometheus at a process: in deploy/observe/prometheus.yml, and here. */
const LOOK_SECONDS = 5;
export const LOOK_SECONDS_IN_TESTS = 2;

/**
 * A fault becomes an alert after as many looks of Prometheus as it does where the rules are used, but within ten seconds, so
 * that a test need not last as long as a night. With fewer of them one look at a bad moment would be an alert: a process that
 * stood still has to connect to Redis again, and tells so if it is asked just then. Rates are of a tenth of the time. A request
 * is late after half a second in place of a quarter: what else runs on the machine of a test makes nobody wait for so long,
 * again and again.
 */
export function asInTests(rules: string): string {
  const seconds = (count: string, unit: string): number => Number(count) * (unit === "m" ? 60 : 1);
  return rules
    .replaceAll(/for: (\d+)([sm])/g, (_, count: string, unit: string) => {
      const sameLooks = Math.round((seconds(count, unit) * LOOK_SECONDS_IN_TESTS) / LOOK_SECONDS);
      return `for: ${Math.min(WAIT_SECONDS_MAX, sameLooks)}s`;
    })
    .replaceAll(/\[(\d+)([sm])\]/g, (_, count: string, unit: string) => `[${seconds(count, unit) / 10}s]`)
    .replaceAll(LATE, LATE_IN_TESTS);
}

/** Of LatencyHigh. */
const LATE = "> 0.25\n";
const LATE_IN_TESTS = "> 0.5\n";

/** Remembers every alert that has fired, so that a test can tell that no other one did. */
export class AlertWatch {
  readonly #url: string;
  readonly #fired = new Set<string>();
  #stopped = false;
  readonly #looking: Promise<void>;
  latest: readonly string[] = [];

  constructor(prometheusUrl: string) {
    this.#url = `${prometheusUrl}/api/v1/alerts`;
    this.#looking = this.#look();
  }

  /** Those that are pending or fire, by name. */
  async now(): Promise<readonly string[]> {
    const { data } = alertsAnswer.parse(await (await fetch(this.#url)).json());
    const firing = data.alerts.filter(({ state }) => state === "firing");
    for (const { labels } of firing) this.#fired.add(labels.alertname);
    this.latest = data.alerts.map(({ labels, state }) => `${labels.alertname} ${state}`);
    return this.latest;
  }

  get fired(): readonly string[] {
    return [...this.#fired].toSorted();
  }

  /** From now on. */
  forget(): void {
    this.#fired.clear();
  }

  /**
   * Until an alert fires; and no other one did, but for those that follow from the same fault.
   *
   * @param following what else may fire, sooner or later
   */
  async fires(name: string, following: readonly string[] = []): Promise<void> {
    await eventually(
      `${name} fires`,
      () => this.#fired.has(name),
      () => [this.latest, this.fired],
      90_000,
    );
    this.holdsNoOther(name, following);
  }

  holdsNoOther(name: string, following: readonly string[]): void {
    const expected = [name, ...following];
    expect(this.fired.filter((each) => !expected.includes(each))).toEqual([]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (!this.#stopped) {
      await this.now().catch(() => {});
      await Bun.sleep(200);
    }
  }
}
