import { expect } from "bun:test";
import { type Answer, Caller } from "./caller.ts";
import type { Tokens } from "./keys.ts";

/** The system of either shape, as a process of its own or several. */
export interface Shape {
  readonly port: number;
  /** Makes the keys; from then on it asks for them, at the latest 5 s later. */
  makeKeys(): Promise<Tokens>;
  /** All that it has stored of its keys, in a text that would show a token. */
  keptKeys(): Promise<string>;
  /** The events of its journal. */
  events(): Promise<readonly string[]>;
  /** Stops it, and fails where what is kept does not agree, or something went wrong in it. */
  end(): Promise<void>;
}

/** What the others have, whom a key for `acme:` must not reach. */
export const OTHER = "globex:a";
/** An id that nobody has opened. */
export const NOBODY = "globey:a";

/** Who is there to be attacked, with what: accounts, transactions and holds of acme, of globex, and of both. */
export class Stage {
  readonly port: () => number;
  #tokens: Tokens | null = null;
  #before: readonly string[] = [];
  #wrongAddresses = 0;
  hold = "";
  otherHold = "";
  mixedHold = "";
  webhook = "";
  otherWebhook = "";
  otherWatch = "";
  other = "";
  mixed = "";

  constructor(port: () => number) {
    this.port = port;
  }

  get tokens(): Tokens {
    if (this.#tokens === null) throw new Error("no keys were made yet");
    return this.#tokens;
  }

  with(name: keyof Tokens): Caller {
    return new Caller(this.port, this.tokens[name]);
  }

  /** @param token sent as it is; null: none */
  withToken(token: string | null, address?: string): Caller {
    return new Caller(this.port, token, address);
  }

  /** One that nobody else has used: wrong keys count by address. */
  freshAddress(): string {
    this.#wrongAddresses += 1;
    return `127.0.${7 + Math.floor(this.#wrongAddresses / 250)}.${1 + (this.#wrongAddresses % 250)}`;
  }

  async set(tokens: Tokens): Promise<void> {
    this.#tokens = tokens;
    for (const id of ["acme:a", "acme:b", OTHER, "globex:b"]) await this.open(id, 500);
    this.hold = await this.made("/v1/holds", { from: "acme:a", amount: 5, to: "acme:b" });
    this.otherHold = await this.made("/v1/holds", { from: OTHER, amount: 5 });
    this.mixedHold = await this.made("/v1/holds", { from: "acme:a", amount: 5, to: OTHER });
    // Of an account without events: nothing is sent there.
    const never = { url: "https://8.8.8.8/hook", accounts: ["globex:never"] };
    this.otherWebhook = await this.made("/v1/webhooks", never);
    const own = await this.with("acme").post("/v1/webhooks", { ...never, accounts: ["acme:never"] });
    this.webhook = String(own.json["id"]);
    this.otherWatch = await this.made("/v1/watches", { account: OTHER, available_lt: -100 });
    this.other = await this.moved([OTHER, "@world", 1]);
    this.mixed = await this.moved(["acme:a", OTHER, 1]);
    this.#before = await this.#ofOthers();
  }

  /** An account with so much on it. */
  async open(id: string, balance: number): Promise<void> {
    await this.made("/v1/accounts", { id, unit: "BRL/2", credit_limit: 100 });
    if (balance > 0) await this.moved(["@world", id, balance]);
  }

  async moved(...postings: readonly (readonly [string, string, number])[]): Promise<string> {
    return this.made("/v1/transactions", {
      postings: postings.map(([from, to, amount]) => ({ from, to, amount })),
    });
  }

  /** What is the operator's to make. @returns its id */
  async made(path: string, body: object, headers = {}): Promise<string> {
    const answer = await this.with("admin").post(path, body, headers);
    expect([answer.status, answer.body]).toEqual([201, expect.any(String)]);
    return String(answer.json["id"]);
  }

  async balance(id: string): Promise<number> {
    return Number((await this.with("admin").get(`/v1/accounts/${encodeURIComponent(id)}`)).json["balance"]);
  }

  /** What the others have is as it was before all attacks. */
  async expectOthersUnharmed(): Promise<void> {
    expect(await this.#ofOthers()).toEqual([...this.#before]);
  }

  async #ofOthers(): Promise<string[]> {
    const paths = [
      ...[OTHER, "globex:b"].flatMap((id) => [`/v1/accounts/${id}`, `/v1/accounts/${id}/entries`]),
      ...[this.otherHold, this.mixedHold].map((id) => `/v1/holds/${id}`),
      ...[this.other, this.mixed].map((id) => `/v1/transactions/${id}`),
    ];
    const bodies = await Promise.all(paths.map(async (path) => (await this.with("admin").get(path)).body));
    // How far the dispatcher is with them changes by itself.
    const webhook = (await this.with("admin").get(`/v1/webhooks/${this.otherWebhook}`)).json;
    const watch = (await this.with("admin").get(`/v1/watches/${this.otherWatch}`)).json;
    const kept = [
      webhook["url"],
      webhook["accounts"],
      webhook["state"],
      watch["account"],
      watch["available_lt"],
    ];
    return [...bodies, JSON.stringify(kept)];
  }
}

export function statusAndProblem({ status, problem }: Answer): string {
  return problem === "" ? String(status) : `${status} ${problem}`;
}
