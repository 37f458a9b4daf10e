import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { Answer, Attempt } from "../../../proof/torture/clients/history.ts";
import { KnownThings } from "../../../proof/torture/clients/known-things.ts";
import {
  type ClientRequest,
  OperationGenerator,
} from "../../../proof/torture/clients/operation-generator.ts";
import { Random as PlanRandom } from "../../../proof/torture/plan/random.ts";
import { Random } from "../../support/random.ts";
import { type Books, SimulatedLedger } from "./simulated-ledger.ts";

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
  readonly loss?: "batches" | "nothing";
}

interface Event {
  readonly at: number;
  readonly do: () => void | Promise<void>;
}

const CLIENTS = 8;
/** How many of the attempts of a round are lost. */
const LOST = 15;
/** The access keys that requests come with, in turn: what is sent again may have another one. */
const NAMES = [null, "shop", "till-2"];

/** Clients of a simulated ledger, in simulated time: answers that come late, or never, and clients that send again. */
export async function simulate(world: World): Promise<Round[]> {
  await using ledger = new SimulatedLedger();
  const simulation = new Simulation(world, ledger);
  const rounds: Round[] = [];
  for (let round = 1; round <= world.rounds; round += 1) rounds.push(await simulation.round(round));
  return rounds;
}

class Simulation {
  readonly #random: Random;
  readonly #world: World;
  readonly #ledger: SimulatedLedger;
  readonly #known = new KnownThings();
  readonly #generators: readonly OperationGenerator[];
  readonly #events: Event[] = [];
  /** What is to be sent again, some of it in a later round. */
  readonly #again: { readonly sent: ClientRequest; readonly round: number }[] = [];
  #round = 0;
  #number = 0;
  #attempts: Attempt[] = [];
  #left = 0;
  #waiting = 0;

  constructor(world: World, ledger: SimulatedLedger) {
    this.#world = world;
    this.#ledger = ledger;
    this.#random = new Random(world.seed);
    this.#generators = Array.from(
      { length: CLIENTS },
      (_, client) =>
        new OperationGenerator(
          world.seed,
          client,
          new PlanRandom(world.seed * CLIENTS + client),
          this.#known,
        ),
    );
  }

  async round(number: number): Promise<Round> {
    const { attempts, loss, lossIn } = this.#world;
    this.#round = number;
    this.#left = attempts;
    this.#attempts = [];
    const restores: RestoreReport[] = [];
    for (const generator of this.#generators)
      this.#later(this.#random.integer(0, 10), () => this.#client(generator));
    let saved = false;
    let isLossDue = loss !== undefined && number === lossIn;
    // What takes effect after the last answer of the round may do so in the next.
    while (this.#left > 0 || this.#waiting > 0) {
      await this.#step();
      if (!isLossDue || loss === undefined) continue;
      if (!saved && this.#left < attempts / 2 + LOST) {
        saved = true;
        await this.#ledger.save();
      } else if (this.#left < attempts / 2) {
        isLossDue = false;
        restores.push(await this.#ledger.forget(loss));
      }
    }
    return { attempts: this.#attempts, books: this.#ledger.books(), restores };
  }

  async #step(): Promise<void> {
    let next = 0;
    for (const [index, { at }] of this.#events.entries()) {
      if (at < (this.#events[next]?.at ?? Infinity)) next = index;
    }
    const [event] = this.#events.splice(next, 1);
    if (event === undefined) throw new Error("nothing happens any more");
    this.#ledger.now = Math.max(this.#ledger.now, event.at);
    await event.do();
  }

  #later(milliseconds: number, what: Event["do"]): void {
    // Not whole numbers: few things happen at the very same moment.
    const at = this.#ledger.now + milliseconds + this.#random.integer(0, 999) / 1000;
    this.#events.push({ at, do: what });
  }

  #client(generator: OperationGenerator): void {
    if (this.#left <= 0) return;
    const sent = this.#choose(generator);
    const goOn = () => this.#later(this.#random.integer(0, 150), () => this.#client(generator));
    // Some send the same twice at the same time.
    if (sent.key !== null && this.#random.chance(5)) this.#send(sent, () => {});
    this.#send(sent, goOn);
  }

  #choose(generator: OperationGenerator): ClientRequest {
    const due = this.#again.findIndex(({ round }) => round <= this.#round);
    const [again] = due >= 0 && this.#random.chance(40) ? this.#again.splice(due, 1) : [];
    return again?.sent ?? generator.next();
  }

  #send(sent: ClientRequest, goOn: () => void): void {
    const random = this.#random;
    const { operation, key } = sent;
    this.#left -= 1;
    this.#waiting += 1;
    this.#number += 1;
    const number = this.#number;
    const sentAt = this.#ledger.now;
    const by = NAMES[number % NAMES.length] ?? null;
    const ask = () => this.#ledger.ask(operation, key, by);
    const end = (answer: Answer) => {
      this.#waiting -= 1;
      this.#attempts.push({ number, operation, key, by, sentAt, endedAt: this.#ledger.now, answer });
      this.#known.learn({ operation, answer });
      this.#sendAgain(sent, answer);
      goOn();
    };
    const fate = random.integer(1, 100);
    if (fate <= 5) return this.#later(random.integer(1, 20), () => end({ type: "not-done" }));
    if (fate <= 15) {
      this.#later(random.integer(1, 20), () => end({ type: "unknown", reason: "the connection broke" }));
      // It may be applied, before its end or long after it.
      if (random.chance(60)) this.#later(random.integer(0, 400), async () => void (await ask()));
      return;
    }
    this.#later(random.integer(0, 15), async () => {
      const answer = await ask();
      // The balancer sent it twice: the second answer is the one that comes back.
      const last = random.chance(3) && key !== null ? await ask() : answer;
      this.#later(random.integer(0, 15), () => end(last));
    });
  }

  #sendAgain(sent: ClientRequest, answer: Answer): void {
    const { operation, key } = sent;
    if (key === null && (operation.type !== "open" || operation.account === null)) return;
    const isSettled = answer.type !== "unknown" && answer.type !== "not-done";
    if (!this.#random.chance(isSettled ? 15 : 80)) return;
    this.#again.push({ sent, round: this.#round + (this.#random.chance(25) ? 1 : 0) });
  }
}
