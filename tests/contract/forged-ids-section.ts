import { expect, test } from "bun:test";
import {
  capture,
  held,
  hold,
  moved,
  page,
  refused,
  release,
  reversal,
  transact,
  transaction,
} from "../support/ledger/commands.ts";
import type { Moves } from "../support/ledger/moves.ts";

/** Ids that the ledger made for something else, or never. */
export function forgedIdsSection(the: () => Moves): void {
  /** An id, and what it might be mistaken for. */
  function forged(id: string): string[] {
    const [, letter = "", shard = "", g = "", index = "", micros = ""] =
      /^([th])(\d+)-(\d+)-(\d+)-(\d+)$/.exec(id) ?? [];
    const made = (changes: Partial<Record<"letter" | "shard" | "g" | "index" | "micros", string>>) => {
      const all = { letter, shard, g, index, micros, ...changes };
      return `${all.letter}${all.shard}-${all.g}-${all.index}-${all.micros}`;
    };
    return [
      made({ letter: letter === "t" ? "h" : "t" }),
      made({ letter: letter.toUpperCase() }),
      ...["1", "7", "64", "9999", "10000", "00", `0${shard}`, "+0", "-0", "0.0", "", " 0"].map((one) =>
        made({ shard: one }),
      ),
      ...["0", "99999", `0${g}`, `+${g}`, `${g}.0`, `-${g}`, "", "x", "1e3"].map((one) => made({ g: one })),
      ...["9007199254740991", "9007199254740993", "9999999999999999", "9223372036854775808"].map((one) =>
        made({ g: one }),
      ),
      made({ g: String(2n ** 64n + BigInt(g)) }),
      ...["1", "32767", "32768", "65536", "99999", "100000", `0${index}`, "2147483648", "-1", ""].map((one) =>
        made({ index: one }),
      ),
      ...[String((Number(micros) + 1) % 1_000_000), `0${micros}`, `${Number(micros) + 1_000_000}`, ""].map(
        (one) => made({ micros: one }),
      ),
      `${id}-0`,
      `${id} `,
      ` ${id}`,
      `${id}\n`,
      id.slice(0, -1) === `${letter}${shard}-${g}-${index}-` ? `${id}9` : id.slice(0, -1),
    ].filter((one) => one !== id);
  }

  test("ids that were not given are of nothing", async () => {
    const { ledger, account, skips } = the();
    const a = await account(0, 100);
    const { id: ofHold } = held(await ledger.submit(hold(a, 10)));
    const { id: ofMove } = moved(await ledger.submit(transaction([[a, "@world", 5]]))).transaction;
    await ledger.submit(transact(a, "credit", 1));
    const [credit] = (await ledger.entries(a, page())) ?? [];
    const before = [await ledger.account(a), await ledger.hold(ofHold), await ledger.transaction(ofMove)];
    for (const id of [...forged(ofHold), ofMove, ...["t", "h"].map((letter) => `${letter}0-0-0-0`), a, ""]) {
      expect([id, await ledger.hold(id)]).toEqual([id, null]);
      for (const command of [capture(id), capture(id, { to: "@world", amount: 1 }), release(id)])
        expect([id, await ledger.submit(command)]).toEqual([id, refused("hold-unknown")]);
    }
    for (const id of [...forged(ofMove), ...forged(credit?.transaction ?? ""), ofHold, a, ""]) {
      expect([id, await ledger.transaction(id)]).toEqual([id, null]);
      expect([id, await ledger.submit(reversal(id))]).toEqual([id, refused("transaction-unknown")]);
    }
    // With several shards an id that is of none is looked for on the first one, which may not be that of the account.
    const refusals = (refusal: string): string[] =>
      skips.keysEverywhere === undefined ? [refusal] : [refusal, "shards-apart"];
    for (const [command, refusal] of [
      [capture(ofMove), "hold-unknown"],
      [release(ofMove), "hold-unknown"],
      [reversal(ofHold), "transaction-unknown"],
    ] as const) {
      const answer = await ledger.submitAll([transaction([["@world", a, 1]]), command]);
      expect(answer).toMatchObject({ type: "refused", index: 1 });
      if (answer.type === "refused") expect(refusals(refusal)).toContain(answer.refused.refusal);
    }
    const after = [await ledger.account(a), await ledger.hold(ofHold), await ledger.transaction(ofMove)];
    expect(after).toMatchObject(before.map((one, index) => (index === 0 ? { balance: 96, held: 10 } : one)));
  });

  test("a transaction of the same group is not found by the place of another shard", async () => {
    const { ledger, account, skips } = the();
    const a = await account(0, 100);
    const first = moved(await ledger.submit(transaction([["@world", a, 5]]))).transaction.id;
    const g = Number(first.split("-")[1]);
    // Where the clock can be moved it stands still: so its id can be told before.
    if (skips.clock !== undefined) return;
    const next = first.replace(/^t0-\d+/, `t0-${g + 1}`);
    const group = (id: string) => ledger.submitAll([transaction([["@world", a, 5]]), reversal(id)]);
    expect(await group(next.replace("t0", "t1"))).toMatchObject({
      refused: { refusal: "transaction-unknown" },
    });
    expect(await group(next)).toMatchObject({ type: "done" });
  });

  test("the commands that are submitted at once are decided in their order, reversals among them", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0), await account(0)];
    for (let round = 0; round < 5; round += 1) {
      const { id } = moved(await ledger.submit(transaction([["@world", a, 10]]))).transaction;
      const { id: other } = moved(await ledger.submit(transaction([["@world", b, 10]]))).transaction;
      const settled = await ledger.submitEach([
        transaction([[a, b, 10]]),
        transaction([[b, a, 10]]),
        reversal(id),
        // There is nothing left: it comes after the reversal.
        transaction([[a, b, 1]]),
        reversal("t0-999999-0-0"),
        reversal(other),
        reversal(other),
        hold(b, 1),
        transaction([["@world", a, 1]]),
        transaction([[a, "@world", 1]]),
      ]);
      const told = settled.map((one) =>
        one.status === "rejected" ? "rejected" : one.value.type === "refused" ? one.value.refusal : "done",
      );
      expect(told).toEqual([
        "done",
        "done",
        "done",
        "limit-exceeded",
        "transaction-unknown",
        "done",
        "already-reversed",
        "limit-exceeded",
        "done",
        "done",
      ]);
    }
    expect(await ledger.submitEach([])).toEqual([]);
    expect(await ledger.account(a)).toMatchObject({ balance: 0, held: 0 });
  });
}
