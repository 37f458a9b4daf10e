import { TcpProxy } from "./tcp-proxy.ts";

/** A connection between processes that several faults may disturb at once, each undone on its own. */
export class FaultyLink implements AsyncDisposable {
  readonly #proxy: TcpProxy;
  readonly #cutting = new Set<Timer>();
  readonly #losing: number[] = [];
  #holds = 0;

  private constructor(proxy: TcpProxy) {
    this.#proxy = proxy;
  }

  /** @param url of the server, on 127.0.0.1 */
  static async to(url: string): Promise<FaultyLink> {
    return new FaultyLink(await TcpProxy.start(Number(new URL(url).port)));
  }

  /** The same URL, through this link's proxy. */
  through(url: string): string {
    const through = new URL(url);
    through.port = String(this.#proxy.port);
    return through.href;
  }

  /** How often connections were cut and replies lost. */
  get disturbances(): number {
    return this.#proxy.cuts + this.#proxy.losses;
  }

  /**
   * Cuts all connections, now and every so many milliseconds: in turns at once, and in the middle of the next request.
   *
   * @returns a function that undoes it
   */
  cut(everyMilliseconds: number): () => void {
    let times = 0;
    const cut = (): void => {
      if (times % 2 === 0) this.#proxy.cut();
      else this.#proxy.tear();
      times += 1;
    };
    cut();
    const timer = setInterval(cut, everyMilliseconds);
    this.#cutting.add(timer);
    return () => {
      clearInterval(timer);
      this.#cutting.delete(timer);
    };
  }

  /** @returns a function that undoes it */
  loseReplies(everyBytes: number): () => void {
    this.#losing.push(everyBytes);
    this.#setLosses();
    return () => {
      this.#losing.splice(this.#losing.indexOf(everyBytes), 1);
      this.#setLosses();
    };
  }

  /** @returns a function that undoes it */
  hold(): () => void {
    this.#holds += 1;
    this.#proxy.hold("everything");
    return () => {
      this.#holds -= 1;
      if (this.#holds === 0) this.#proxy.release();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#cutting) clearInterval(timer);
    this.#proxy.release();
    await this.#proxy[Symbol.asyncDispose]();
  }

  #setLosses(): void {
    if (this.#losing.length === 0) this.#proxy.loseNoReplies();
    else this.#proxy.loseRepliesEvery(Math.min(...this.#losing));
  }
}
