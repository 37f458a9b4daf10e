import { describe, expect, test } from "bun:test";
import { JournalReplay } from "./journal-replay.ts";
import { RoundFindings } from "./round-violations.ts";

/** Written by hand, as docs/data.md has them: an account `a` with 100 and `b` with nothing, both without credit. */
const OPEN = ["o a 1000000 0 key:a - TOKENS ", "o b 1000000 0 key:b - TOKENS "];
const FUND = `c a 1 2000000 100 100 0 key:fund fund`;
/** limit, balance, held, seq, time, unit, state, time of opening. */
const row = (balance: number, held: number, seq: number, time: number, state = "open", limit = 0) =>
  `${limit} ${balance} ${held} ${seq} ${time} TOKENS ${state} 1000000`;
const B = row(0, 0, 0, 1_000_000);

/** Of 60, of the fourth event, until 13000000. */
const HOLD = `h 3000000 @world 60 13000000 a ${row(100, 60, 1, 2_000_000)} key:h - {"reference":"h"}`;
const HELD = "h0-3-0-0";
const CAPTURE = `p 4000000 ${HELD} 1 1 a @world 60 2 40 0 0 a ${row(40, 0, 2, 4_000_000)} key:p - `;
const RELEASE = `r 4000000 ${HELD} a ${row(100, 0, 1, 2_000_000)} key:r -`;
const EXPIRY = `e 13000000 ${HELD} a ${row(100, 0, 1, 2_000_000)}`;
/** 30 from a to b. */
const MOVE = `t 3000000 1 2 a b 30 2 70 1 30 a ${row(70, 0, 2, 3_000_000)} b ${row(30, 0, 1, 3_000_000)} key:t - `;
const MOVED = "t0-3-0-0";
const back = (id: string, time: number, seq: number) =>
  `t ${time} 1 2 b a 30 ${seq} 0 ${seq + 1} 100 b ${row(0, 0, seq, time)} a ${row(100, 0, seq + 1, time)} key:${id} - {"reverses":"${MOVED}"}`;

/** What is found in a journal with one event a batch. */
function found(...events: readonly string[]): string[] {
  const findings = new RoundFindings();
  const rows = [...OPEN, ...events].map((event, g) => ({
    shard: 0,
    g,
    time: 0,
    events: [event],
    previous: "",
    hash: "",
  }));
  new JournalReplay().play(rows, findings);
  return findings.violations.map(({ name, detail }) => `${name}: ${detail}`);
}

describe("the ledger made anew from the journal", () => {
  test.each<string[]>([
    ["a capture", HOLD, CAPTURE],
    ["a release", HOLD, RELEASE],
    ["an expiry", HOLD, EXPIRY],
    ["a transaction and its reversal", MOVE, back("v", 4_000_000, 2)],
  ])("is right with %s", (_, ...events) => {
    expect(found(FUND, ...events)).toEqual([]);
  });

  const cases: readonly (readonly [what: string, finding: RegExp, ...events: string[]])[] = [
    [
      "a gap in seq",
      /chain-broken: .* follows seq 1/,
      FUND,
      FUND.replace("a 1 2000000 100 100", "a 3 2000001 100 200"),
    ],
    ["an entry that is there twice", /chain-broken: .* follows seq 1/, FUND, FUND],
    [
      "a balance that does not follow",
      /chain-broken: .* follows seq 0 with balance 0/,
      FUND.replace("100 100", "100 101"),
    ],
    [
      "an entry at the time of the one before",
      /chain-broken: .* is not after the entry/,
      FUND,
      FUND.replace("a 1 2000000 100 100", "a 2 2000000 100 200"),
    ],
    ["a balance under the limit", /limit-passed: /, FUND, "d a 2 3000000 101 -1 0 key:d d"],
    ["a limit under what is used", /limit-passed: /, "d a 1 2000000 5 -5 0 key:d d"],
    [
      "a debit of what is held",
      /limit-passed: /,
      FUND,
      HOLD,
      `t 4000000 1 1 a @world 50 2 50 0 0 a ${row(50, 60, 2, 4_000_000)} key:t - `,
    ],
    [
      "a hold beyond what is available",
      /limit-passed: /,
      FUND,
      HOLD.replace(" 60 13000000", " 101 13000000").replace("100 60 1", "100 101 1"),
    ],
    ["a hold that is not held", /held-off: /, FUND, HOLD.replace("100 60 1", "100 0 1")],
    [
      "a release that frees more than its hold",
      /held-off: /,
      FUND,
      HOLD,
      HOLD.replace("100 60 1", "100 120 1").replace("key:h", "key:i"),
      RELEASE,
    ],
    [
      "a hold that is captured twice",
      /hold-ended-twice: .* ends a hold that is captured/,
      FUND,
      HOLD,
      CAPTURE,
      CAPTURE.replace("2 40", "3 -20").replace("40 0 2", "-20 -60 3"),
    ],
    [
      "a hold that is captured and released",
      /hold-ended-twice: .* ends a hold that is captured/,
      FUND,
      HOLD,
      CAPTURE,
      RELEASE,
    ],
    [
      "a hold that is released and expires",
      /hold-ended-twice: .* ends a hold that is released/,
      FUND,
      HOLD,
      RELEASE,
      EXPIRY,
    ],
    [
      "a capture at the moment of expiry",
      /expired-wrongly: /,
      FUND,
      HOLD,
      CAPTURE.replace("p 4000000", "p 13000000"),
    ],
    ["a release after expiry", /expired-wrongly: /, FUND, HOLD, RELEASE.replace("r 4000000", "r 13000001")],
    [
      "an expiry before its time",
      /expired-wrongly: /,
      FUND,
      HOLD,
      EXPIRY.replace("e 13000000", "e 12999999"),
    ],
    ["a capture of what is no hold", /unasked: /, FUND, CAPTURE],
    [
      "a capture from another account",
      /chain-broken: .* takes from others than a/,
      FUND,
      HOLD,
      CAPTURE.replace("1 1 a @world 60 2 40 0 0", "1 2 b @world 60 1 -60 0 0").replace(
        "key:p",
        `b ${row(-60, 0, 1, 4_000_000)} key:p`,
      ),
    ],
    [
      "a transaction that is taken back twice",
      /reversed-twice: .* has taken back/,
      FUND,
      MOVE,
      back("v", 4_000_000, 2),
      back("w", 5_000_000, 3),
    ],
    [
      "a reversal of a reversal",
      /reversed-twice: .* is a reversal itself/,
      FUND,
      MOVE,
      back("v", 4_000_000, 2),
      back("w", 5_000_000, 3).replace(MOVED, "t0-4-0-0"),
    ],
    [
      "a reversal of a part",
      /partly-applied: /,
      FUND,
      MOVE,
      back("v", 4_000_000, 2).replace("b a 30", "b a 29"),
    ],
    ["a reversal of what there is not", /unasked: /, FUND, back("v", 4_000_000, 1)],
    [
      "a posting with one side only",
      /chain-broken: .* moves 30 of b from seq 0/,
      FUND,
      MOVE.replace("1 30 a", "0 0 a").replace(row(30, 0, 1, 3_000_000), B),
    ],
    [
      "an account that a transaction does not tell of",
      /chain-broken: .* (moves 30 of b from seq undefined|does not tell how account b)/,
      FUND,
      MOVE.replace(`1 2 a b`, "1 1 a b").replace(` b ${row(30, 0, 1, 3_000_000)}`, ""),
    ],
    ["an account that is opened twice", /chain-broken: .* opens an account that is there/, OPEN[0] ?? ""],
    ["an account of the start with another limit", /unasked: /, "o 1 1 5 initial - BRL/2 "],
    [
      "a change of a balance",
      /chain-broken: .* leaves a 0 101 .* where a 0 100 /,
      FUND,
      `a a 3000000 ${row(101, 0, 1, 2_000_000)} key:c - `,
    ],
    [
      "an account that is closed with a balance",
      /chain-broken: .* closes an account that is not empty/,
      FUND,
      `a a 3000000 ${row(100, 0, 1, 2_000_000, "closed")} key:c - `,
    ],
    [
      "what goes out of a frozen account",
      /chain-broken: .* changes account a, which is frozen/,
      FUND,
      `a a 2500000 ${row(100, 0, 1, 2_000_000, "frozen")} key:c - `,
      MOVE.replace("TOKENS open 1000000 b", "TOKENS frozen 1000000 b"),
    ],
    [
      "two units in one posting",
      /chain-broken: .* moves TOKENS into USD\/2/,
      FUND,
      "o c 1 0 key:c - USD/2 ",
      MOVE.replace("1 2 a b", "1 2 a c").replace(
        ` b ${row(30, 0, 1, 3_000_000)}`,
        " c 0 30 0 1 3000000 USD/2 open 1",
      ),
    ],
  ];
  for (const [what, finding, ...events] of cases)
    test(`finds ${what}`, () => {
      expect(found(...events).join("\n")).toMatch(finding);
    });
});
