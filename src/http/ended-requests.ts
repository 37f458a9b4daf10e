/**
 * Tells whether a request was aborted: its client is gone, or what followed its body is malformed, so that the server
 * has answered 400 by itself and closed the connection.
 *
 * To ask a request for its signal costs about 1 µs, since the signal is only made then. So it is asked for only if any
 * request has ended in the meantime: those that have started, less those that are pending, are those that have ended.
 */
export class EndedRequests {
  readonly #pending: () => number;
  #started = 0;

  /** @param pending how many requests have started and not ended */
  constructor(pending: () => number) {
    this.#pending = pending;
  }

  /** To be called at the start of each request, whatever it asks for. */
  addStarted(): void {
    this.#started += 1;
  }

  /** @returns tells whether the request has been aborted since now */
  watch(request: Request): () => boolean {
    const ended = this.#count();
    return () => this.#count() !== ended && request.signal.aborted;
  }

  #count(): number {
    return this.#started - this.#pending();
  }
}
