const PAUSE_MILLISECONDS = 10;
/** What such an answer may take on a busy machine. */
const ANSWER_MILLISECONDS = 90;
const PLAIN = `
  const { port } = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("") });
  console.log(port);`;

/**
 * How long the machine itself has stood still: what a server that does nothing takes for its answers. Nothing that runs
 * beside it is to blame for that time.
 */
export class Standstill implements AsyncDisposable {
  readonly #server = Bun.spawn([process.execPath, "-e", PLAIN], { stdin: "ignore", stdout: "pipe" });
  #total = 0;
  #askedAt = performance.now();
  #isOver = false;
  #watching: Promise<void> = Promise.resolve();

  static async watch(): Promise<Standstill> {
    const standstill = new Standstill();
    const { value } = await standstill.#server.stdout.getReader().read();
    standstill.#watching = standstill.#watch(`http://127.0.0.1:${new TextDecoder().decode(value).trim()}`);
    return standstill;
  }

  /** Since the beginning. */
  get milliseconds(): number {
    return this.#total + this.#excess();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#watching;
    this.#server.kill("SIGKILL");
    await this.#server.exited;
  }

  async #watch(url: string): Promise<void> {
    this.#askedAt = performance.now();
    while (!this.#isOver) {
      await (await fetch(url)).text();
      await Bun.sleep(PAUSE_MILLISECONDS);
      this.#total += this.#excess();
      this.#askedAt = performance.now();
    }
  }

  #excess(): number {
    return Math.max(0, performance.now() - this.#askedAt - PAUSE_MILLISECONDS - ANSWER_MILLISECONDS);
  }
}
