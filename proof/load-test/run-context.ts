import type { Client } from "./http/client.ts";
import type { Outcome } from "./http/connection.ts";
import { ACCOUNTS } from "./contest-rules.ts";
import { AnswerChecker } from "./checks/answer-checker.ts";
import type { Recorder } from "./statistics/recorder.ts";
import type { Requests } from "./http/requests.ts";

/** What the phases of one run share. */
export class RunContext {
  readonly client: Client;
  readonly requests: Requests;
  readonly recorder: Recorder;
  /** One for each account, in the order of the accounts. */
  readonly checkers: readonly AnswerChecker[] = ACCOUNTS.map(({ id, limit }) => new AnswerChecker(id, limit));
  readonly #interruption: AbortSignal;

  constructor(client: Client, requests: Requests, recorder: Recorder, interruption: AbortSignal) {
    this.client = client;
    this.requests = requests;
    this.recorder = recorder;
    this.#interruption = interruption;
  }

  get interrupted(): boolean {
    return this.#interruption.aborted;
  }

  /** Sends a request now, on its own connection. */
  once(request: Uint8Array): Promise<Outcome> {
    return new Promise((settle) => {
      this.client.once(request, performance.now(), settle);
    });
  }
}
