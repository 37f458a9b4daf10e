import { expect, test } from "bun:test";
import { type Command, contentOf } from "../../src/ledger/command.ts";
import { contentHash } from "../../src/ledger/content-hash.ts";
import { commandIdOf, isCommandEvent, parseEvent } from "../../src/ledger/event.ts";
import type { Outcome } from "../../src/ledger/ledger.ts";
import { nameIn } from "../../src/ledger/named-id.ts";
import {
  capture,
  change,
  held,
  hold,
  moved,
  open,
  page,
  refused,
  release,
  requestId,
  reversal,
  transact,
  transaction,
} from "../support/ledger/commands.ts";
import { type Moves, NOBODY } from "../support/ledger/moves.ts";

/** What is kept of the access keys that commands came with. */
export function accessKeysSection(the: () => Moves): void {
  /** The ids in the events that were added meanwhile, as they are written there. */
  async function written(work: () => Promise<unknown>): Promise<(string | null)[]> {
    const before = (await the().events()).length;
    await work();
    return (await the().events())
      .slice(before)
      .map(parseEvent)
      .map((event) => {
        if (!isCommandEvent(event)) return null;
        return event.type === "entry" ? event.entry.id : event.id;
      });
  }

  /** One of each kind, each of which is accepted if those before it were. */
  async function allKinds(send: (command: Command) => Promise<Outcome>): Promise<void> {
    const a = await the().account(0, 100);
    await send(open(5, { account: NOBODY, id: "key:open" }));
    await send(open(5, { account: NOBODY, id: "key:open-again" }));
    await send(change(NOBODY, { id: "key:change", name: "n" }));
    await send(transact(a, "credit", 9, "key:plain/1"));
    await send(transact(a, "debit", 1001, "key:refused"));
    const { transaction: made } = moved(await send(transaction([[a, NOBODY, 2]], { id: "key:moved" })));
    await send(reversal(made.id, { id: "bat:1:back" }));
    const [first, second] = [
      held(await send(hold(a, 5, { id: "key:hold" }))),
      held(await send(hold(a, 6, { id: requestId() }))),
    ];
    await send(transact(a, "credit", 1, "key:while-held"));
    await send(capture(first.id, { id: "key:capture", amount: 1 }));
    await send(release(second.id, "key:release"));
    await send(release(second.id, "key:late"));
  }

  test("every event bears the name of the key that its command came with, before the command's id", async () => {
    const sent: string[] = [];
    const ids = await written(() =>
      allKinds(async (command) => {
        const by = sent.length % 3 === 2 ? undefined : ["shop", `till-${"9".repeat(27)}`][sent.length % 3];
        sent.push(by === undefined ? command.id : `${by}/${command.id}`);
        return the().ledger.submit(by === undefined ? command : { ...command, by });
      }),
    );
    // An account of the section's own comes first, and a credit to it.
    expect(ids.slice(2)).toEqual(sent);
    expect(sent).toContain("shop/key:open");
    expect(sent).toContain("key:change");
  });

  test("a command under another access key, or none, is the same command", async () => {
    const { ledger, skips } = the();
    const first: { readonly command: Command; readonly outcome: Outcome }[] = [];
    await allKinds(async (command) => {
      const outcome = await ledger.submit({ ...command, by: "shop" });
      if (!command.id.startsWith("req:")) first.push({ command, outcome });
      return outcome;
    });
    for (const by of ["shop", "till", undefined]) {
      const ids = await written(async () => {
        for (const { command, outcome } of first) {
          const again = await ledger.submit(by === undefined ? command : { ...command, by });
          expect(again).toEqual({ ...outcome, replayed: true });
        }
        if (skips.keysEverywhere !== undefined) return;
        const other: Command = { ...transact("1", "credit", 1, "key:plain/1"), by: "till" };
        expect(await ledger.submit(other)).toMatchObject({ type: "refused", refusal: "key-reused" });
      });
      expect(ids).toEqual([]);
    }
  });

  test("a group has the name in each of its events, and in that of its refusal", async () => {
    const { ledger, account, skips } = the();
    if (skips.together !== undefined) return;
    const [a, b] = [await account(0, 100), await account(0)];
    const group = (amount: number, by: string): Command[] => {
      const both = { batch: "hash", by };
      return [
        { ...transaction([[a, b, 30]], { id: `bat:0:k${amount}` }), ...both },
        { ...hold(b, 20, { id: `key:own${amount}` }), by: "till" },
        { ...transaction([[a, b, amount]], { id: `key:k${amount}` }), ...both },
      ];
    };
    expect(await written(() => ledger.submitAll(group(1, "shop")))).toEqual([
      "shop/bat:0:k1",
      "till/key:own1",
      "shop/key:k1",
    ]);
    const because = { index: 2, refused: { ...REASON, account: a } };
    expect(await written(() => ledger.submitAll(group(99, "shop")))).toEqual(["shop/key:k99"]);
    expect(await written(() => ledger.submitAll(group(1, "other")))).toEqual([]);
    expect(await ledger.submitAll(group(99, "other"))).toEqual({
      type: "refused",
      ...because,
      replayed: true,
    });
    // Without a key for all of it, only that of the refused one is remembered.
    const alone: Command = { ...transaction([[a, b, 999]], { id: "key:alone" }), by: "till" };
    const ids = await written(() => ledger.submitAll([{ ...transact(a, "credit", 1), by: "shop" }, alone]));
    expect(ids).toEqual(["till/key:alone"]);
    expect(await ledger.submit(alone)).toEqual(refused("limit-exceeded", { account: a, index: 0 }, true));
  });

  test("entries bear it, in the journal's place and in statements; what was asked for does not", async () => {
    const { ledger, account, events } = the();
    const a = await account(0);
    const command: Command = { ...transact(a, "credit", 5, "key:shop/key:x"), by: "shop" };
    await ledger.submit(command);
    const { description, ...none } = { ...transaction([["@world", a, 1]], { isDryRun: true }), by: "shop" };
    expect(await written(() => ledger.submit({ ...none, description }))).toEqual([]);
    await ledger.submit(transact(a, "debit", 5, "key:plain"));
    const last = (await events()).at(-2) ?? "";
    expect(last).toContain(" shop/key:shop/key:x ");
    expect(commandIdOf(parseEvent(last))).toBe("key:shop/key:x");
    for (const entries of [await ledger.entries(a, page()), (await ledger.statement(a))?.entries])
      expect(entries?.map(({ id }) => [id, nameIn(id)])).toEqual([
        ["key:plain", null],
        ["shop/key:shop/key:x", "shop"],
      ]);
    const { by, ...unnamed } = command;
    expect(by).toBe("shop");
    expect([contentOf(command), contentHash(command)]).toEqual([contentOf(unnamed), contentHash(unnamed)]);
  });
}

const REASON = { refusal: "limit-exceeded", index: 0, other: null } as const;
