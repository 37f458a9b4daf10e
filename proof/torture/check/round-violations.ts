import type { KindCounts, RoundCounts, Violation } from "./checker-types.ts";

type Counts = { -readonly [Name in keyof RoundCounts]: RoundCounts[Name] } & {
  kinds: Record<string, { accepted: number; refused: number }>;
};

/** The violations and the counts of a round so far. */
export class RoundFindings {
  readonly violations: Violation[] = [];
  readonly counts: Counts = {
    requests: 0,
    accepted: 0,
    refused: 0,
    statements: 0,
    notDone: 0,
    unknown: 0,
    unknownApplied: 0,
    lost: 0,
    lostNamed: 0,
    doubled: 0,
    excused: 0,
    kinds: {},
  };

  count(kind: string, what: keyof KindCounts): void {
    const counts = (this.counts.kinds[kind] ??= { accepted: 0, refused: 0 });
    counts[what] += 1;
  }

  add(name: Violation["name"], detail: string, attempts: readonly number[] = []): void {
    this.violations.push({ name, detail, attempts });
  }
}
