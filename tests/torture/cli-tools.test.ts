import { describe, expect, test } from "bun:test";
import { runAudit, runRestore } from "../../proof/torture/system/cli-tools.ts";
import { failOnLeaks } from "../support/leaks.ts";

failOnLeaks();

/** A command that says `text`, tells its arguments on the error stream, and ends with `code`. */
function says(text: string, code: number): string[] {
  return ["sh", "-c", `printf '%s' "$0"; echo "asked $*" >&2; exit ${code}`, text];
}

const REPORT = {
  type: "restored",
  epoch: "e",
  shards: [{ shard: 0, found: "empty", keptG: 3, fromOutbox: 0, fromFeed: 2, lastG: 5 }],
  missing: {
    batches: [{ shard: 0, from: 4, to: 4 }],
    accounts: [{ account: "a0mf2k9", seq: 2, balance: -3, knownSeq: 4, knownBalance: 5 }],
    transits: [{ attempt: "0-x", transaction: "t0-4-0-1", shard: 0, accounts: ["a0mf2k9"] }],
  },
  unknown: [{ shard: 0, epoch: "f", lastG: 7, heldBy: "Redis" }],
} as const;

describe("the audit's words", () => {
  test("are none where all agrees", async () => {
    expect(await runAudit(says("{}", 0), {})).toBeNull();
  });

  test("are its findings, as far as it tells them", async () => {
    const findings = [{ name: "seq-gap", account: 1, seq: 2, detail: "account 1 has no seq 2" }];
    const text = JSON.stringify({ agreed: false, findings, findingsInAll: 7 });
    expect(await runAudit(says(text, 1), {})).toBe("7 findings\nseq-gap: account 1 has no seq 2");
    expect(await runAudit(says("not JSON", 1), {})).toBe("not JSON");
  });

  test("are an error where it could not look", async () => {
    expect(await runAudit(says("", 2), {}).catch(String)).toBe(
      "Error: razonete audit ended with 2: asked --json",
    );
  });
});

describe("the restore's report", () => {
  test("is taken as it is", async () => {
    expect(await runRestore(says(JSON.stringify(REPORT), 0), {})).toEqual(REPORT);
  });

  test("is refused where it is none, or the command failed", async () => {
    const odd = JSON.stringify({ ...REPORT, missing: {} });
    expect(await runRestore(says(odd, 0), {}).catch(String)).toContain("something else than a report");
    // A loss that is named in a way that is not known here would not be excused.
    const more = JSON.stringify({ ...REPORT, missing: { ...REPORT.missing, others: [] } });
    expect(await runRestore(says(more, 0), {}).catch(String)).toContain("something else than a report");
    expect(await runRestore(says("", 0), {}).catch(String)).toContain("something else than a report");
    expect(await runRestore(says("", 1), {}).catch(String)).toBe(
      "Error: razonete restore ended with 1: asked --yes --json",
    );
  });
});
