import {
  HoldError,
  type Outcome,
  type Razonete,
  type Sent,
  type Transaction,
} from "../../../client/src/razonete.ts";
import type { Random } from "../../support/random.ts";

/** One command, as the journal has it: by its id there. */
export interface Told {
  readonly id: string;
  readonly isDone: boolean;
}

type Move = Pick<Transaction["postings"][number], "from" | "to" | "amount">;

/** Some give up soon, so that what they leave unknown has to be settled. */
const HURRIED = { deadlineMs: 400 };

/** Commands of every kind through a client, and what was told of each of them. */
export class CommandMix {
  readonly told: Told[] = [];
  /** What is not as it has to be. */
  readonly surprises: string[] = [];
  /** What each account has by all that was told. */
  readonly balances = new Map<string, number>();
  unknownAtFirst = 0;
  notDone = 0;
  replayed = 0;
  readonly #ledger: Razonete;
  readonly #random: Random;
  readonly #accounts: readonly string[];
  readonly #reversible: string[] = [];
  #number = 0;

  constructor(ledger: Razonete, random: Random, accounts: readonly string[]) {
    this.#ledger = ledger;
    this.#random = random;
    this.#accounts = accounts;
  }

  async start(): Promise<void> {
    for (const id of this.#accounts) {
      await this.#one(this.#ledger.accounts.open({ id, unit: "CREDITS" }));
      await this.#transfer([{ from: "@world", to: id, amount: 500 }]);
    }
  }

  /** At least so many commands, by so many clients at once. */
  async run(commands: number, clients: number): Promise<void> {
    const client = async (): Promise<void> => {
      while (this.told.length < commands) await this.#next();
    };
    await Promise.all(Array.from({ length: clients }, client));
  }

  async #next(): Promise<void> {
    const chance = this.#random.integer(1, 100);
    if (chance <= 55) return this.#transfer(this.#moves());
    if (chance <= 75) return this.#withHold();
    if (chance <= 82) return this.#batch();
    if (chance <= 88) return this.#reverse();
    const number = ++this.#number;
    const metadata = { change: String(number) };
    const sent =
      chance <= 94
        ? this.#ledger.accounts.open({ id: `opened-${number}`, unit: "CREDITS" })
        : this.#ledger.accounts.change(this.#random.pick(this.#accounts), { metadata });
    await this.#one(sent);
  }

  /** Balances stay small, so that some are refused. */
  #moves(): Move[] {
    const [one, other] = [
      this.#random.pick(this.#accounts),
      this.#random.pick([...this.#accounts, "@world"]),
    ];
    const amount = this.#random.integer(1, 400);
    if (one === other) return [{ from: "@world", to: one, amount }];
    return this.#random.chance(50)
      ? [{ from: one, to: other, amount }]
      : [
          { from: other, to: one, amount },
          { from: one, to: "@world", amount: this.#random.integer(1, amount) },
        ];
  }

  async #transfer(postings: readonly Move[]): Promise<void> {
    const sent = this.#ledger.transactions.create({ postings }, this.#haste());
    const done = await this.#one(sent);
    if (done === null) return;
    this.#apply(done.postings);
    this.#reversible.push(done.id);
  }

  async #reverse(): Promise<void> {
    const id = this.#reversible.shift();
    if (id === undefined) return;
    const done = await this.#one(this.#ledger.transactions.reverse(id, {}, this.#haste()));
    if (done !== null) this.#apply(done.postings);
  }

  async #batch(): Promise<void> {
    const all = [this.#moves(), this.#moves(), this.#moves()];
    const commands = all.map((postings) => ({ op: "transaction", body: { postings } }) as const);
    const sent = this.#ledger.batches.create({ atomic: false, commands }, this.#haste());
    const outcome = await this.#settled(sent);
    if (outcome.type !== "done") {
      this.surprises.push(`a batch was ${outcome.type}`);
      return;
    }
    for (const [index, result] of outcome.value.entries()) {
      const id = index === 0 ? `key:${sent.key}` : `bat:${index}:${sent.key}`;
      this.told.push({ id, isDone: result.type === "done" });
      if (result.type === "done") this.#apply(result.value.postings);
    }
  }

  /** Two commands, if there is a hold. */
  async #withHold(): Promise<void> {
    const [account, amount] = [this.#random.pick(this.#accounts), this.#random.integer(2, 100)];
    const key = `hold-${crypto.randomUUID()}`;
    const used = this.#random.integer(0, amount);
    const fails = this.#random.chance(30);
    let isHeld = false;
    const work = async () => {
      isHeld = true;
      if (fails) throw new Error("the work fails");
      return used;
    };
    const error: unknown = await this.#ledger.withHold(account, amount, work, { key }).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error instanceof HoldError) this.surprises.push(error.message);
    this.told.push({ id: `key:${key}`, isDone: isHeld });
    if (!isHeld && Object(error).type !== "refused") this.surprises.push(String(error));
    if (!isHeld) return;
    this.told.push({ id: `key:${key}.${fails ? "release" : "capture"}`, isDone: true });
    if (!fails) this.#apply([{ from: account, to: "@world", amount: used }]);
  }

  #haste(): object {
    return this.#random.chance(30) ? HURRIED : {};
  }

  /** `null`: it was refused. */
  async #one<T>(sent: Sent<T>): Promise<T | null> {
    const outcome = await this.#settled(sent);
    this.told.push({ id: `key:${sent.key}`, isDone: outcome.type === "done" });
    return outcome.type === "done" ? outcome.value : null;
  }

  /** What is unknown is asked for until it is known; what was not done is sent again. */
  async #settled<T>(sent: Sent<T>): Promise<Outcome<T>> {
    let outcome = await sent.outcome();
    if (outcome.type === "unknown") this.unknownAtFirst += 1;
    if (outcome.type === "unknown") outcome = await this.#ledger.settle(outcome.request).outcome();
    if (outcome.type === "unknown" || outcome.type === "not-done")
      this.surprises.push(`${outcome.type}: ${outcome.detail}`);
    if (outcome.type === "done" && outcome.replayed) this.replayed += 1;
    return outcome;
  }

  #apply(postings: readonly Move[]): void {
    for (const { from, to, amount } of postings) {
      this.balances.set(from, (this.balances.get(from) ?? 0) - amount);
      this.balances.set(to, (this.balances.get(to) ?? 0) + amount);
    }
  }
}
