import { StartError } from "../../../src/errors.ts";
import type { AccountId } from "../../../src/ledger/account.ts";

/** An event is found by what its account had after it: probes are credits, so that no two of them have the same. */
type Name = `${AccountId} ${number}`;

/** How long an event may take to come after the last answer, before a run counts as failed. */
const WAIT_SECONDS_MAX = 20;
const POLL_MILLISECONDS = 5;

/** Follows the events of a server, and notes when each one came. Times are those of `performance.now`. */
export class EventWatch {
  readonly #came = new Map<Name, number>();
  readonly #stop = new AbortController();
  #failure: unknown = null;

  /**
   * @param account `null`: the events of all accounts
   * @throws StartError if it is answered with no stream
   */
  static async start(url: string, account: AccountId | null): Promise<EventWatch> {
    const watch = new EventWatch();
    const query = `after=latest&type=transaction.created${account === null ? "" : `&account=${account}`}`;
    const response = await fetch(`${url}/v1/events?${query}`, {
      headers: { accept: "text/event-stream" },
      signal: watch.#stop.signal,
    });
    if (!response.ok || response.body === null)
      throw new StartError(`the stream of events was answered ${response.status} ${await response.text()}`);
    // With the beginning of the stream it follows.
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    watch.#read(response.body, resolve).catch((error: unknown) => {
      watch.#failure = error;
      resolve();
    });
    await begun;
    return watch;
  }

  stop(): void {
    this.#stop.abort();
  }

  /**
   * The time from each answer to its event, in milliseconds; 0 if the event came first.
   *
   * @param answers what each account had in the answer, and when that came
   * @throws StartError if one does not come
   */
  async lagsOf(answers: ReadonlyMap<Name, number>): Promise<number[]> {
    const deadline = performance.now() + WAIT_SECONDS_MAX * 1000;
    for (const name of answers.keys()) {
      while (!this.#came.has(name)) {
        if (this.#failure !== null || performance.now() > deadline)
          throw new StartError(`the event of the answer ${name} did not come (${String(this.#failure)}).`);
        await Bun.sleep(POLL_MILLISECONDS);
      }
    }
    return [...answers].map(([name, at]) => Math.max(0, (this.#came.get(name) ?? 0) - at));
  }

  async #read(body: ReadableStream<Uint8Array>, onBegin: () => void): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of body) {
      const at = performance.now();
      onBegin();
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const found = /"accounts":\{"([^"]+)":\{[^}]*"balance":(-?\d+)/.exec(block);
        if (found !== null) this.#came.set(nameOf(found[1] ?? "", Number(found[2])), at);
      }
    }
    throw new StartError("the stream of events ended.");
  }
}

export function nameOf(account: AccountId, balance: number): Name {
  return `${account} ${balance}`;
}
