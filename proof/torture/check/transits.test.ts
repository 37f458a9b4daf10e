import { describe, expect, test } from "bun:test";
import { JournalReplay } from "./journal-replay.ts";
import { RoundFindings } from "./round-violations.ts";

/**
 * Written by hand, as docs/decisions/0029-across-shards.md has them: on shard 0 an account `a` with 100, on shard 1 `b` with
 * 50, all without credit. Attempts are of shard 0, which pays 30 from a to b, or is paid 20 by it.
 */
const OPEN = ["o a 1000000 0 key:a - TOKENS ", "c a 1 2000000 100 100 0 key:fa fund"];
const OPEN_OTHER = ["o b 1000000 0 key:b - TOKENS ", "c b 1 2000000 50 50 0 key:fb fund"];
/** limit, balance, held, seq, time, unit, state, time of opening. */
const row = (balance: number, held: number, seq: number, time: number, state = "open") =>
  `0 ${balance} ${held} ${seq} ${time} TOKENS ${state} 1000000`;
const across = (attempt: string) => `{"across":{"attempt":"${attempt}","shards":[1]}}`;

/** 30 from a to b. Decided as the third event of shard 0. */
const PAID = "t0-2-0-0";
const PREPARE = `q 3000000 0-A 1 1 a b 30 0 0 0 0 b ${row(50, 0, 1, 2_000_000)} 0 30 0 key:p `;
const DECIDE = `t 4000000 1 1 a b 30 2 70 0 0 a ${row(70, 0, 2, 4_000_000)} key:p - ${across("0-A")}`;
const FINISH = `f 5000000 0-A ${PAID} 4000000 - 1 1 a b 30 0 0 2 80 b ${row(80, 0, 2, 5_000_000)} 0 30 0 key:p `;
const UNDO = `u 5000000 0-A 0 1 b ${row(50, 0, 1, 2_000_000)} 0 30 0`;

/** 20 from b to a, with a at home since a hold or a reversal is there; b is locked for a condition, too. */
const PREPARE_OUT = `q 3000000 0-B 1 1 b a 20 0 0 0 0 b ${row(50, 20, 1, 2_000_000)} 20 0 1 key:o `;
const DECIDE_OUT = `t 4000000 1 1 b a 20 0 0 2 120 a ${row(120, 0, 2, 4_000_000)} key:o - ${across("0-B")}`;
const FINISH_OUT = `f 5000000 0-B ${PAID} 4000000 - 1 1 b a 20 2 30 0 0 b ${row(30, 0, 2, 5_000_000)} 20 0 1 key:o `;
const UNDO_OUT = `u 5000000 0-B 0 1 b ${row(50, 0, 1, 2_000_000)} 20 0 1`;

/** Into another unit. */
const C = "c 0 0 0 0 1000000 USD/2 open 1000000 0 30 0";
const PREPARE_UNIT = `q 3000000 0-C 1 1 a c 30 0 0 0 0 ${C} key:u `;
const UNDO_UNIT = `u 5000000 0-C 0 1 ${C}`;

/** What is found in journals with one event a batch. */
function found(home: readonly string[], other: readonly string[], lost: readonly string[] = []): string[] {
  const findings = new RoundFindings();
  const rowsOf = (shard: number, events: readonly string[]) =>
    events.map((event, g) => ({ shard, g, time: 0, events: [event], previous: "", hash: "" }));
  const replay = new JournalReplay();
  replay.play([...rowsOf(0, [...OPEN, ...home]), ...rowsOf(1, [...OPEN_OTHER, ...other])], findings);
  replay.transits.check(new Set(lost), findings);
  return findings.violations.map(({ name, detail }) => `${name}: ${detail}`);
}

describe("transactions across shards", () => {
  test.each<[what: string, home: string[], other: string[]]>([
    ["that is finished", [DECIDE], [PREPARE, FINISH]],
    ["that is undone", [], [PREPARE, UNDO]],
    ["from another shard that is finished", [DECIDE_OUT], [PREPARE_OUT, FINISH_OUT]],
    ["from another shard that is undone", [], [PREPARE_OUT, UNDO_OUT]],
    [
      "that moves into another unit, which its home refuses",
      [],
      ["o c 1000000 0 key:c - USD/2 ", PREPARE_UNIT, UNDO_UNIT],
    ],
    [
      "from an account that was never opened, which its home refuses",
      [],
      [PREPARE.replace("a b 30", "nobody b 30"), UNDO],
    ],
    ["of which a late copy is prepared when all is over", [DECIDE], [PREPARE, FINISH, ...lateCopy()]],
  ])("are right with one %s", (_, home, other) => {
    expect(found(home, other)).toEqual([]);
  });

  const cases: readonly (readonly [what: string, finding: RegExp, home: string[], other: string[]])[] = [
    [
      "a part that is finished and was not decided",
      /^finished-undecided: Shard 1 has finished its part of attempt 0-A, which shard 0, its home, has not decided/,
      [],
      [PREPARE, FINISH],
    ],
    [
      "a part that is undone and was decided",
      /^undone-decided: Shard 1 has undone its part of attempt 0-A, which shard 0, its home, has decided/,
      [DECIDE],
      [PREPARE, UNDO],
    ],
    [
      "a part that is finished twice",
      /^part-ended-twice: Shard 1 ends a part that has ended before/m,
      [DECIDE],
      [PREPARE, FINISH, FINISH.replace("f 5000000", "f 6000000")],
    ],
    [
      "a part that is finished after it was undone",
      /^part-ended-twice: /m,
      [DECIDE],
      [PREPARE, UNDO, FINISH],
    ],
    [
      "a part that is prepared and finished again",
      /^part-ended-twice: Shard 1 has finished its part of attempt 0-A twice/m,
      [DECIDE],
      [PREPARE, FINISH, ...again()],
    ],
    [
      "a part that is still open",
      /^part-open: The part of attempt 0-A on shard 1 is open, though all has come to rest/,
      [DECIDE],
      [PREPARE],
    ],
    [
      "a decision without its part",
      /^part-missing: Shard 0 has decided attempt 0-A with a part on shard 1, which has never prepared it/,
      [DECIDE],
      [],
    ],
    [
      "an attempt that is decided twice",
      /^attempt-decided-twice: Attempt 0-A was decided twice/m,
      [DECIDE, DECIDE.replace("30 2 70", "30 3 40").replace("0 70 0 2", "0 40 0 3")],
      [PREPARE, FINISH],
    ],
    [
      "an attempt that another shard than its home has decided",
      /^part-differs: Shard 0 has decided attempt 2-A, whose home is shard 2/m,
      [DECIDE.replace("0-A", "2-A")],
      [PREPARE.replace("0-A", "2-A"), FINISH.replace("0-A", "2-A")],
    ],
    ["an end of what was never prepared", /^unasked: Shard 1 ends a part that it has not/, [], [UNDO]],
    [
      "a part that is finished with another amount than was decided",
      /^part-differs: Shard 1 has finished its part of attempt 0-A otherwise than it was decided/m,
      [DECIDE],
      [PREPARE, FINISH].map((text) =>
        text
          .replace("b 30", "b 31")
          .replace("2 80", "2 81")
          .replace("0 80 0", "0 81 0")
          .replace("0 30 0 key", "0 31 0 key"),
      ),
    ],
    [
      "a part that is finished otherwise than it was prepared",
      /^part-differs: .* ends otherwise than it was prepared/m,
      [DECIDE],
      [PREPARE, FINISH.replace("0 30 0 key", "0 31 0 key")],
    ],
    [
      "a part that is finished as another transaction",
      /^part-differs: .* otherwise than it was decided/m,
      [DECIDE],
      [PREPARE, FINISH.replace(PAID, "t0-3-0-0")],
    ],
    [
      "a part that sets too little aside",
      /^held-off: .* sets 10 of account b aside, and room for 0; right: 20 and 0/m,
      [DECIDE_OUT],
      [PREPARE_OUT, FINISH_OUT].map((text) =>
        text.replace("0 50 20 1", "0 50 10 1").replace("20 0 1 key", "10 0 1 key"),
      ),
    ],
    [
      "a part whose money is not held",
      /^chain-broken: .* leaves b 0 50 0 1 /m,
      [DECIDE_OUT],
      [PREPARE_OUT.replace("0 50 20 1", "0 50 0 1"), FINISH_OUT],
    ],
    [
      "money that a part has set aside and that is spent",
      /^limit-passed: /m,
      [DECIDE_OUT],
      [
        PREPARE_OUT.replace("20 0 1 key", "20 0 0 key"),
        `t 3500000 1 1 b @world 45 2 5 0 0 b ${row(5, 20, 2, 3_500_000)} key:s - `,
      ],
    ],
    [
      "a change of an account that a part has locked",
      /^lock-broken: .* changes account b, which attempt 0-B has locked/m,
      [DECIDE_OUT],
      [
        PREPARE_OUT,
        `t 3500000 1 1 @world b 1 0 0 2 51 b ${row(51, 20, 2, 3_500_000)} key:s - `,
        FINISH_OUT.replace("20 2 30", "20 3 31").replace("0 30 0 2", "0 31 0 3"),
      ],
    ],
    [
      "a closed account that has a part",
      /^chain-broken: .* closes an account that is not empty/m,
      [],
      [
        "d b 2 2500000 50 0 0 key:d d",
        `q 3000000 0-A 1 1 a b 30 0 0 0 0 b ${row(0, 0, 2, 2_500_000)} 0 30 0 key:p `,
        `a b 3500000 ${row(0, 0, 2, 2_500_000, "closed")} key:c - `,
      ],
    ],
    [
      "a part of an account that is frozen",
      /^chain-broken: .* has account b take part, which is frozen/m,
      [],
      [
        `a b 2500000 ${row(50, 0, 1, 2_000_000, "frozen")} key:c - `,
        PREPARE_OUT.replace("open", "frozen"),
        UNDO_OUT.replace("open", "frozen"),
      ],
    ],
    [
      "a transaction that moves something of another shard's account, and says nothing of it",
      /^partly-applied: .* moves something of account b, and has no part on its shard 1/m,
      [DECIDE.replace(across("0-A"), "")],
      [],
    ],
    [
      "an entry of another shard's account",
      /^chain-broken: .* has an entry of account b, which is on another shard/m,
      [DECIDE.replace("70 0 0 a", "70 2 80 a")],
      [PREPARE, FINISH],
    ],
  ];
  for (const [what, finding, home, other] of cases)
    test(`are wrong with ${what}`, () => {
      expect(found(home, other).join("\n")).toMatch(finding);
    });

  test("are not wrong where a restore has named the side that is lost", () => {
    expect(found([], [PREPARE, FINISH], ["0-A"])).toEqual([]);
    expect(found([DECIDE], [], ["0-A"])).toEqual([]);
    expect(found([DECIDE], [PREPARE, UNDO], ["0-A"]).join()).toMatch(/^undone-decided/);
  });
});

describe("what is in transit", () => {
  const sums = (home: readonly string[], other: readonly string[]): [world: bigint, transit: bigint] => {
    const replay = new JournalReplay();
    const rowsOf = (shard: number, events: readonly string[]) =>
      events.map((event, g) => ({ shard, g, time: 0, events: [event], previous: "", hash: "" }));
    replay.play(
      [...rowsOf(0, [...OPEN, ...home]), ...rowsOf(1, [...OPEN_OTHER, ...other])],
      new RoundFindings(),
    );
    return [replay.world.get("TOKENS") ?? 0n, replay.transits.sums.get("TOKENS") ?? 0n];
  };

  test.each<[home: string[], other: string[], transit: bigint]>([
    [[], [PREPARE], 0n],
    [[DECIDE], [PREPARE], 30n],
    [[DECIDE], [PREPARE, FINISH], 0n],
    [[], [PREPARE, FINISH], -30n],
    [[DECIDE_OUT], [PREPARE_OUT], -20n],
    [[DECIDE_OUT], [PREPARE_OUT, FINISH_OUT], 0n],
  ])("is counted from the decision to the end (%#)", (home, other, transit) => {
    expect(sums(home, other)).toEqual([-150n, transit]);
  });

  test("what comes from outside is counted where it comes in", () => {
    const from = (text: string) => text.replaceAll(" a b 30 ", " @world b 30 ");
    expect(sums([], [from(PREPARE), from(FINISH)])).toEqual([-180n, 0n]);
    const decided = `t 4000000 2 1 a b 1 2 99 0 0 @world b 30 0 0 0 0 a ${row(99, 0, 2, 4_000_000)} key:p - ${across("0-A")}`;
    expect(sums([decided], [])).toEqual([-150n, 1n]);
  });
});

/** The part of 0-A, prepared again after it was finished, */
function preparedAgain(): string {
  return PREPARE.replace("q 3000000", "q 6000000").replace(
    row(50, 0, 1, 2_000_000),
    row(80, 0, 2, 5_000_000),
  );
}

/** and undone, */
function lateCopy(): string[] {
  const undone = UNDO.replace("u 5000000", "u 7000000").replace(
    row(50, 0, 1, 2_000_000),
    row(80, 0, 2, 5_000_000),
  );
  return [preparedAgain(), undone];
}

/** or finished. */
function again(): string[] {
  const finished = FINISH.replace("f 5000000", "f 7000000")
    .replace("30 0 0 2 80", "30 0 0 3 110")
    .replace(row(80, 0, 2, 5_000_000), row(110, 0, 3, 7_000_000));
  return [preparedAgain(), finished];
}
