import { z } from "zod";
import { messageOf } from "../../../src/errors.ts";
import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { orderNode } from "../../../src/stack/nodes/ask-node.ts";
import { httpProbe } from "../../../src/stack/probes.ts";
import type { ProcessPlan } from "../../../src/stack/process-plan.ts";

const POLL_MILLISECONDS = 100;
const ATTEND_MILLISECONDS = 500;
const READYZ_MILLISECONDS_MAX = 2_000;
/** What the guard before the start of a node, and who joins nodes, tell. That of the APIs is for a node that stays away. */
const TAKEOVER = /redis-cli -h \S+ -p (\d+) CLUSTER FAILOVER TAKEOVER/;
/**
 * The words in the answer of /readyz that tell an operator to restore. `init` too: if Redis is empty the APIs cannot
 * tell whether it ever held anything; `razonete init` would refuse and name the restore.
 */
const RESTORE_ADVICE = /razonete (restore|init)/;
/** After so many checks in a row it restores, if all APIs name the restore: they may have read a Redis that still loads. */
const FENCED_CHECKS = 3;
/** The same if only some APIs name it: a person would first wait and see whether they recover. */
const PARTLY_FENCED_CHECKS = 50;

export interface OperatorOptions {
  readonly apis: readonly ProcessPlan[];
  /** Rejects if it does not restore. */
  readonly restore: () => Promise<RestoreReport>;
  /** Why processes may not start, as sentences. */
  readonly told: () => readonly string[];
  /** Of the nodes of Redis, with the operator's password. */
  readonly nodeUrls: readonly string[];
}

/** Acts like a person who reads alarms, and /readyz of the APIs: does what they say, and restores if they say so. */
export class SimulatedOperator {
  readonly #apis: readonly ProcessPlan[];
  readonly #restore: () => Promise<RestoreReport>;
  readonly #told: () => readonly string[];
  readonly #nodeUrls: readonly string[];
  #checking: Promise<string[]> | null = null;
  #heard: string[] = [];
  #reports: RestoreReport[] = [];
  #fencedChecks = 0;
  /** Of the access key that it asks with; null as long as the APIs ask for none. */
  token: string | null = null;
  /** Why the latest restore failed; null if it did not. */
  restoreError: string | null = null;

  /** The commands that alarms told, as they were done, since the last call of {@link takeCommands}. */
  #commands: string[] = [];

  constructor({ apis, restore, told, nodeUrls }: OperatorOptions) {
    this.#apis = apis;
    this.#restore = restore;
    this.#told = told;
    this.#nodeUrls = nodeUrls;
  }

  /** Takes a line that is said to a person. */
  hears(line: string): void {
    this.#heard.push(line);
  }

  takeCommands(): string[] {
    const commands = this.#commands;
    this.#commands = [];
    return commands;
  }

  /** The restores since the last call. */
  takeReports(): RestoreReport[] {
    const reports = this.#reports;
    this.#reports = [];
    return reports;
  }

  /** Checks the APIs once, and does what it is told to. @returns what is wrong with the APIs */
  check(): Promise<string[]> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = null;
    });
    return this.#checking;
  }

  /** Checks again and again, until `stopped` aborts. */
  async attend(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      await this.check();
      await Bun.sleep(ATTEND_MILLISECONDS);
    }
  }

  async #check(): Promise<string[]> {
    const readiness = await Promise.all(
      this.#apis.map(async (api) => ({
        name: api.name,
        reason: (await api.probe()) ?? (await whyUndecided(api)) ?? (await whyNotAnswering(api, this.token)),
      })),
    );
    const problems = readiness.flatMap(({ name, reason }) => (reason === null ? [] : [`${name}: ${reason}`]));
    await this.#doAsTold();
    const fenced = readiness.filter(({ reason }) => reason !== null && isToRestore(reason)).length;
    this.#fencedChecks = fenced === 0 ? 0 : this.#fencedChecks + 1;
    if (this.#fencedChecks < (fenced === this.#apis.length ? FENCED_CHECKS : PARTLY_FENCED_CHECKS))
      return problems;
    this.#fencedChecks = 0;
    try {
      this.#reports.push(await this.#restore());
      this.restoreError = null;
    } catch (error) {
      this.restoreError = messageOf(error);
    }
    return problems;
  }

  /** Of each port once: what follows from it takes a moment. */
  async #doAsTold(): Promise<void> {
    const told = [...this.#heard, ...this.#told()];
    this.#heard = [];
    const ports = new Set(told.flatMap((text) => TAKEOVER.exec(text)?.[1] ?? []));
    for (const port of ports) {
      const url = this.#nodeUrls.find((each) => new URL(each).port === port);
      if (url === undefined) continue;
      await orderNode(url, "CLUSTER", "FAILOVER", "TAKEOVER").then(
        () => this.#commands.push(`CLUSTER FAILOVER TAKEOVER on ${port}`),
        // It is the primary by now, or has gone.
        () => {},
      );
    }
  }

  /**
   * Checks until every API answers, at most for this time. Other faults may go on meanwhile, and hit the restore too.
   */
  async watchUntilReady(milliseconds: number): Promise<void> {
    const deadline = performance.now() + milliseconds;
    while ((await this.check()).length > 0 && performance.now() < deadline) {
      await Bun.sleep(POLL_MILLISECONDS);
    }
  }
}

/** Advice on a shard without a primary only tells of the restore that may follow. */
function isToRestore(reason: string): boolean {
  return RESTORE_ADVICE.test(reason.replace(/that is noticed, and razonete restore/, ""));
}

/**
 * Why the API does not show an account; null if it does. An API also calls itself ready when it has just lost Redis and
 * does not know yet what comes back: only an answer proves that it works.
 */
function whyNotAnswering(api: ProcessPlan, token: string | null): Promise<string | null> {
  return httpProbe(`${urlOf(api)}/clientes/1/extrato`, api.socket, token ?? undefined)();
}

/** What a ready API says of shards that do not decide; null where there is none, or it does not answer. */
async function whyUndecided(api: ProcessPlan): Promise<string | null> {
  try {
    const signal = AbortSignal.timeout(READYZ_MILLISECONDS_MAX);
    const { socket } = api;
    const response = await fetch(`${urlOf(api)}/readyz`, {
      signal,
      ...(socket === undefined ? {} : { unix: socket }),
    });
    const { data } = readiness.safeParse(await response.json());
    const shards = data?.undecided ?? [];
    if (shards.length === 0) return null;
    return shards.map(({ shard, reason }) => `shard ${shard} does not decide: ${reason}`).join("; ");
  } catch {
    return null;
  }
}

const readiness = z.object({
  undecided: z.array(z.object({ shard: z.int(), reason: z.string() })).optional(),
});

function urlOf({ socket, environment }: ProcessPlan): string {
  return socket === undefined ? `http://127.0.0.1:${environment["PORT"]}` : "http://api";
}
