import type { Fault, FaultRecord } from "../../../proof/torture/plan/fault.ts";
import type { TortureDependencies } from "../../../proof/torture/options.ts";
import type { BooksSnapshot, SystemUnderTest } from "../../../proof/torture/system/system-under-test.ts";
import { StandInLedger } from "./stand-in-ledger.ts";

/** A system under test whose only fault is that its ledger answers for a while that it is unavailable. */
export class StandInSystem implements SystemUnderTest {
  readonly unsupportedFaults = [{ kind: "disk", what: "a full disk", reason: "no mounts here" }] as const;
  readonly ledger = new StandInLedger();
  readonly faults: Fault[] = [];
  recoveries = 0;
  stops = 0;
  /** What goes wrong in the next round's recovery, audit or reading of the books. */
  failure: "none" | "recovery" | "audit" | "no look" | "no answer" | "no books" = "none";
  url = "";
  folder = "";

  async start(folder: string): Promise<SystemUnderTest> {
    this.folder = folder;
    this.url = await this.ledger.start();
    return this;
  }

  async inject(fault: Fault): Promise<FaultRecord> {
    this.faults.push(fault);
    const beganAt = performance.now();
    if (fault.kind === "disk") return { fault, beganAt, undoneAt: beganAt, skipped: "no mounts here" };
    this.ledger.trouble = () => "not-done";
    await Bun.sleep(fault.lastsMilliseconds);
    this.ledger.trouble = () => null;
    return { fault, beganAt, undoneAt: performance.now(), skipped: null };
  }

  async recover(): Promise<[]> {
    this.recoveries += 1;
    if (this.failure === "recovery") throw new Error("redis does not start");
    return [];
  }

  async books(): Promise<BooksSnapshot> {
    if (this.failure === "no books") throw new Error("postgres does not answer");
    return this.ledger.books();
  }

  async audit(): Promise<string | null> {
    if (this.failure === "no look") throw new Error("exit code 2");
    if (this.failure === "no answer") this.ledger.trouble = () => "not-done";
    return this.failure === "audit" ? "account 3: the balance is off by one" : null;
  }

  createKey(): Promise<string> {
    return Promise.reject(new Error("it is open"));
  }

  revokeKey(): Promise<void> {
    return Promise.reject(new Error("it is open"));
  }

  async stop(): Promise<void> {
    this.stops += 1;
    await this.ledger.stop();
  }
}

/** The parts of a torture of this system, with these faults in each round and a checker that finds nothing. */
export function dependenciesOf(
  system: StandInSystem,
  faults: readonly Omit<Fault, "number">[],
): TortureDependencies {
  return {
    startSystem: ({ folder }) => system.start(folder),
    planRound: (_, { firstNumber }) =>
      faults.map((fault, index) => ({ ...fault, number: firstNumber + index })),
    createChecker: () => ({
      round: (attempts) => ({
        counts: {
          requests: attempts.length,
          accepted: attempts.filter(({ answer }) => answer.type === "accepted").length,
          refused: 0,
          statements: 0,
          notDone: attempts.filter(({ answer }) => answer.type === "not-done").length,
          unknown: 0,
          unknownApplied: 0,
          lost: 0,
          lostNamed: 0,
          doubled: 0,
          excused: 0,
          kinds: {},
        },
        violations: [],
      }),
    }),
  };
}
