import type { AccountId, Party } from "../../src/ledger/account.ts";
import type { Command, CommandId } from "../../src/ledger/command.ts";
import type { Posting } from "../../src/ledger/transaction.ts";
import type { Model } from "./model.ts";
import { type Amount, type Draft, MAX, type MoveDraft } from "./steps.ts";

const WORLD = "@world";
const BOUND = 2 ** 53;

/** Ids that nothing has. */
const NO_HOLD = "h0-9999999-0-1";
const NO_TRANSACTION = "t0-9999999-0-1";

/** Fits drafts to the state of a model. What it names is told: the ledger knows it under an id that it gave. */
export class Drafting {
  readonly #model: Model;
  readonly #sent: Command[] = [];
  #requests = 0;
  #count = 0;

  constructor(model: Model) {
    this.#model = model;
  }

  /** In the model's names; `null` where the draft resends and there was nothing. */
  command(draft: Draft): Command | null {
    if (draft.type === "resend") {
      const known = this.#sent.filter(({ id }) => id.startsWith("key:")).at(-1 - draft.back);
      return known === undefined ? null : this.#named(known);
    }
    this.#requests += 1;
    const id: CommandId = draft.key === null ? `req:${this.#requests}` : `key:${draft.key}`;
    const command = draft.type === "again" ? this.#again(draft.back, id) : this.#new(draft, id);
    if (command === null) return null;
    this.#sent.push(command);
    return this.#named(command);
  }

  /** Each time as it comes: with this access key, another one, or none. */
  #named(command: Command): Command {
    this.#count += 1;
    const by = [undefined, undefined, "shop", "till-2"][this.#count % 4];
    return by === undefined ? command : { ...command, by };
  }

  /** The id of the `number`th account that was opened; one that no account has, if it is not told or not opened. */
  idOf(number: number): AccountId {
    const id = this.#model.state.accountIds[number - 1];
    return id !== undefined && this.#model.names.isTold(id) ? id : String(number);
  }

  #again(back: number, id: CommandId): Command | null {
    const known = this.#sent.at(-1 - back);
    return known === undefined ? null : { ...known, id };
  }

  #new(draft: Exclude<Draft, { readonly type: "resend" | "again" }>, id: CommandId): Command {
    switch (draft.type) {
      case "open": {
        const { type, account, unit, creditLimit, name, metadata } = draft;
        return { type, id, account, unit, creditLimit, name, metadata };
      }
      case "change": {
        const account = this.idOf(draft.account);
        const known = this.#model.state.account(account);
        const used = (known?.held ?? 0) - (known?.balance ?? 0);
        const limit = draft.amount === null ? {} : { creditLimit: unitsOf(draft.amount, used, 0) };
        return { type: "change", id, account, ...limit, ...draft.change };
      }
      case "transact": {
        const { type, kind, description } = draft;
        const account = this.idOf(draft.account);
        const edge =
          kind === "debit"
            ? this.#available(account)
            : MAX - (this.#model.state.account(account)?.balance ?? 0);
        return { type, id, account, kind, value: unitsOf(draft.amount, edge, 1), description };
      }
      case "transaction": {
        const { type, isDryRun, details } = draft;
        const conditions = draft.conditions.map(({ account, what, off, bound }) => {
          const named = this.idOf(account);
          const value =
            what === "available" ? this.#available(named) : (this.#model.state.account(named)?.[what] ?? 0);
          return {
            account: named,
            what,
            least: bound === "most" ? -BOUND : value + off,
            most: bound === "least" ? BOUND : value + off,
          };
        });
        return {
          type,
          id,
          postings: draft.moves.map((move) => this.#posting(move)),
          conditions,
          isDryRun,
          ...details,
        };
      }
      case "hold": {
        const { details, expiresInSeconds } = draft;
        const move = { ...draft.move, from: draft.move.from === 0 ? 1 : draft.move.from };
        return { type: "hold", id, ...this.#posting(move), expiresInSeconds, ...details };
      }
      case "capture":
        return this.#capture(draft, id);
      case "release":
        return { type: "release", id, hold: this.#told(this.#model.state.holdIds, draft.back) ?? NO_HOLD };
      case "reversal": {
        const transaction = this.#told(this.#model.state.transactionIds, draft.back) ?? NO_TRANSACTION;
        return { type: "reversal", id, transaction, ...draft.details };
      }
    }
  }

  #capture(draft: Extract<Draft, { readonly type: "capture" }>, id: CommandId): Command {
    const hold = this.#told(this.#model.state.holdIds, draft.back) ?? NO_HOLD;
    const known = this.#model.state.hold(hold);
    const from = known?.from ?? "1";
    const held = known?.amount ?? 0;
    const other = (party: number): Party => this.#other(from, party);
    if (draft.parts !== null) {
      const parts = draft.parts.map(({ to, share }) => ({
        to: other(to),
        amount: Math.max(Math.floor((held / 100) * share), 1),
      }));
      return { type: "capture", id, hold, amount: null, to: null, parts };
    }
    const edge = Math.min(held + this.#available(from), MAX);
    const amount = draft.amount === null ? null : unitsOf(draft.amount, edge, 0);
    return { type: "capture", id, hold, amount, to: draft.to === null ? null : other(draft.to), parts: null };
  }

  #posting({ from, to, amount }: MoveDraft): Posting {
    const payer = from === 0 ? WORLD : this.idOf(from);
    const taker = this.#other(payer, to);
    const edge =
      payer === WORLD ? MAX - (this.#model.state.account(taker)?.balance ?? 0) : this.#available(payer);
    return { from: payer, to: taker, amount: unitsOf(amount, edge, 1) };
  }

  /** Nobody pays to himself: that is no command. */
  #other(payer: Party, number: number): Party {
    const taker = number === 0 ? WORLD : this.idOf(number);
    if (taker !== payer) return taker;
    return payer === WORLD ? "1" : WORLD;
  }

  /** What may still go out, at the most that an amount may be. */
  #available(id: AccountId): number {
    const account = this.#model.state.account(id);
    return account === null ? 0 : Math.min(account.balance - account.held + account.creditLimit, MAX);
  }

  #told(ids: readonly string[], back: number): string | null {
    return ids.filter((id) => this.#model.names.isTold(id)).at(-1 - back) ?? null;
  }
}

/** Sums beyond 2^53 are rounded; they are cut to the range all the same. */
function unitsOf(wanted: Amount, edge: number, min: number): number {
  if ("units" in wanted) return wanted.units;
  return Math.min(Math.max(edge + wanted.offEdge, min), MAX);
}
