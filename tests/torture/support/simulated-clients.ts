import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { Answer, Attempt, Operation } from "../../../proof/torture/clients/history.ts";
import { Random } from "../../support/random.ts";
import { type Books, type Decided, idOf, numberOf, SimulatedLedger } from "./simulated-ledger.ts";

/** What a checker is given of one round. */
export interface Round {
  attempts: Attempt[];
  books: Books;
  restores: RestoreReport[];
}

export interface World {
  readonly seed: number;
  readonly rounds: number;
  readonly attempts: number;
  /** The ledger loses its latest changes in the middle of the round `lossIn`. */
  readonly lossIn?: number;
  readonly loss?: "batches" | "accounts" | "nothing";
}

interface Event {
  readonly at: number;
  readonly do: () => void;
}

type Command = Exclude<Operation, { type: "statement" }>;

interface Sent {
  readonly operation: Operation;
  readonly key: string | null;
}

const CLIENTS = 8;

/** Clients of a simulated ledger, in simulated time: answers that come late, or never, and clients that send again. */
export class Simulation {
  readonly #random: Random;
  readonly #world: World;
  readonly #ledger = new SimulatedLedger();
  readonly #events: Event[] = [];
  readonly #accounts = ["1", "2", "3", "4", "5"];
  readonly #limits = new Set<string>();
  /** Keyed commands that are to be sent again, some in a later round. */
  readonly #again: { readonly sent: Sent; readonly round: number }[] = [];
  #now = 0;
  #round = 0;
  #number = 0;
  #marks = 0;
  #attempts: Attempt[] = [];
  #left = 0;
  #waiting = 0;

  constructor(world: World) {
    this.#world = world;
    this.#random = new Random(world.seed);
  }

  run(): Round[] {
    return Array.from({ length: this.#world.rounds }, () => this.#runRound());
  }

  #runRound(): Round {
    const { attempts, loss, lossIn } = this.#world;
    this.#round += 1;
    this.#left = attempts;
    this.#attempts = [];
    const restores: RestoreReport[] = [];
    for (let client = 0; client < CLIENTS; client += 1) {
      this.#later(this.#random.integer(0, 10), () => this.#client());
    }
    let isLossDue = loss !== undefined && this.#round === lossIn;
    // What takes effect after the last answer of the round may do so in the next.
    while (this.#left > 0 || this.#waiting > 0) {
      this.#step();
      if (isLossDue && loss !== undefined && this.#left < attempts / 2) {
        isLossDue = false;
        restores.push(this.#ledger.forget(this.#random.integer(1, 12), loss));
      }
    }
    return { attempts: this.#attempts, books: this.#ledger.books(), restores };
  }

  #step(): void {
    let next = 0;
    for (const [index, { at }] of this.#events.entries()) {
      if (at < (this.#events[next]?.at ?? Infinity)) next = index;
    }
    const [event] = this.#events.splice(next, 1);
    if (event === undefined) throw new Error("nothing happens any more");
    this.#now = Math.max(this.#now, event.at);
    event.do();
  }

  #later(milliseconds: number, what: () => void): void {
    // Not whole numbers: few things happen at the very same moment.
    this.#events.push({ at: this.#now + milliseconds + this.#random.integer(0, 999) / 1000, do: what });
  }

  #client(): void {
    if (this.#left <= 0) return;
    const sent = this.#choose();
    const goOn = () => this.#later(this.#random.integer(0, 8), () => this.#client());
    // Some send the same twice at the same time.
    if (sent.key !== null && this.#random.chance(5)) this.#send(sent, () => {});
    this.#send(sent, goOn);
  }

  #choose(): Sent {
    const due = this.#again.findIndex(({ round }) => round <= this.#round);
    const [again] = due >= 0 && this.#random.chance(40) ? this.#again.splice(due, 1) : [];
    if (again !== undefined) return again.sent;
    const operation = this.#operation();
    if (operation.type === "statement") return { operation, key: null };
    this.#marks += 1;
    return { operation, key: this.#random.chance(50) ? `key-${this.#marks}` : null };
  }

  #operation(): Operation {
    const random = this.#random;
    this.#marks += 1;
    const mark = `m${this.#marks}`;
    const newest = Math.max(...this.#accounts.map(numberOf));
    // Now and then one that is perhaps not there yet.
    const account = random.chance(2)
      ? idOf(newest + 1)
      : random.chance(70)
        ? idOf(random.integer(1, 3))
        : random.pick(this.#accounts);
    const dice = random.integer(1, 100);
    if (dice <= 25) return { type: "statement", account };
    if (dice <= 30) return { type: "open", name: mark, creditLimit: random.integer(0, 50_000) };
    if (dice <= 40) {
      const creditLimit = random.integer(0, 150_000);
      if (!this.#limits.has(`${account} ${creditLimit}`)) {
        this.#limits.add(`${account} ${creditLimit}`);
        return { type: "change-limit", account, creditLimit };
      }
    }
    const kind = random.chance(60) ? "debit" : "credit";
    return { type: "transact", account, kind, value: random.integer(1, 40_000), description: mark };
  }

  #send(sent: Sent, goOn: () => void): void {
    const random = this.#random;
    const { operation, key } = sent;
    this.#left -= 1;
    this.#waiting += 1;
    this.#number += 1;
    const number = this.#number;
    const sentAt = this.#now;
    const end = (answer: Answer) => {
      this.#waiting -= 1;
      this.#attempts.push({ number, operation, key, sentAt, endedAt: this.#now, answer });
      this.#sendAgain(sent, answer);
      goOn();
    };
    const fate = random.integer(1, 100);
    if (fate <= 5) return this.#later(random.integer(1, 20), () => end({ type: "not-done" }));
    if (fate <= 15) {
      this.#later(random.integer(1, 20), () => end({ type: "unknown", reason: "the connection broke" }));
      // It may be applied, before its end or long after it.
      if (operation.type !== "statement" && random.chance(60)) {
        this.#later(random.integer(0, 400), () => this.#ledger.apply(operation, key, this.#now));
      }
      return;
    }
    this.#later(random.integer(0, 15), () => {
      const answer = this.#answer(operation, key);
      this.#later(random.integer(0, 15), () => end(answer));
    });
  }

  #answer(operation: Operation, key: string | null): Answer {
    if (operation.type === "statement") return this.#ledger.statement(operation.account, this.#now);
    return this.#decide(operation, key);
  }

  #decide(command: Command, key: string | null): Answer {
    const decided: Decided = this.#ledger.apply(command, key, this.#now);
    // The balancer sent it twice: the second answer is the one that comes back.
    return this.#random.chance(3) && key !== null ? this.#ledger.apply(command, key, this.#now) : decided;
  }

  #sendAgain(sent: Sent, answer: Answer): void {
    const { operation, key } = sent;
    if (answer.type === "accepted" && operation.type === "open") this.#accounts.push(answer.account);
    if (key === null) return;
    const isSettled = answer.type === "accepted" || answer.type === "refused";
    if (!this.#random.chance(isSettled ? 15 : 80)) return;
    this.#again.push({ sent, round: this.#round + (this.#random.chance(25) ? 1 : 0) });
  }
}
