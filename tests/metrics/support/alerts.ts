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

/** A fault takes a tenth of the time to become an alert, so that a test need not last as long as a night. */
export function withShorterWaits(rules: string): string {
  return rules.replaceAll(/for: (\d+)([sm])/g, (_, count: string, unit: string) => {
    const seconds = Number(count) * (unit === "m" ? 60 : 1);
    return `for: ${Math.max(1, Math.round(seconds / 10))}s`;
  });
}

/** How long a request takes is also a matter of what else runs on the machine of a test. */
export const OF_THE_MACHINE: readonly string[] = ["LatencyHigh"];

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

  /** But for those that are of the machine. */
  async wrong(): Promise<readonly string[]> {
    return (await this.now()).filter((told) => !OF_THE_MACHINE.some((name) => told.startsWith(name)));
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
    const expected = [name, ...following, ...OF_THE_MACHINE];
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
