import type { Needs } from "../access/required-scopes.ts";
import { bounds } from "../bounds.ts";
import type { Admission } from "./admission.ts";

export interface Followed {
  /** Aborted when the client is gone, or its key is no longer good for what it asked for. */
  readonly signal: AbortSignal;
  /** To be called when the answer is over. */
  readonly stop: () => void;
}

interface Watched {
  readonly isAdmitted: () => boolean;
  readonly controller: AbortController;
}

/**
 * Ends answers that last, once the access key that they were asked with is revoked or has expired. One timer looks after
 * all of them, and runs only while there are any.
 */
export class KeyWatch {
  readonly #admission: Admission;
  readonly #watched = new Set<Watched>();
  #timer: Timer | undefined;

  constructor(admission: Admission) {
    this.#admission = admission;
  }

  follow(request: Request, needs: NonNullable<Needs>): Followed {
    const controller = new AbortController();
    const watched = { isAdmitted: this.#admission.watch(request, needs), controller };
    this.#watched.add(watched);
    this.#timer ??= setInterval(() => this.#look(), bounds.event_keys_look_milliseconds);
    const abort = (): void => controller.abort();
    request.signal.addEventListener("abort", abort, { once: true });
    if (request.signal.aborted) abort();
    const stop = (): void => {
      request.signal.removeEventListener("abort", abort);
      this.#watched.delete(watched);
      if (this.#watched.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
    return { signal: controller.signal, stop };
  }

  #look(): void {
    for (const { isAdmitted, controller } of this.#watched) if (!isAdmitted()) controller.abort();
  }
}
