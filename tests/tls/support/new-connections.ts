import { eventually } from "../../support/eventually.ts";

export interface LoadOptions {
  readonly port: number;
  readonly ca: string;
}

/**
 * Clients in a process of their own, so that they are not served by turns with the test: some open a connection for each
 * request, some keep one open. None sends a request again.
 */
export class NewConnections implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly #read: Promise<void>;
  #answered = 0;
  #failures: string[] = [];

  private constructor(options: LoadOptions) {
    this.#child = Bun.spawn(
      [process.execPath, `${import.meta.dir}/load-client.ts`, String(options.port), options.ca],
      {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "inherit",
      },
    );
    this.#read = this.#readLines();
  }

  static async start(options: LoadOptions): Promise<NewConnections> {
    const load = new NewConnections(options);
    await load.answered(1);
    return load;
  }

  /** Waits until so many more requests are answered. */
  async answered(more: number): Promise<void> {
    const wanted = this.#answered + more;
    await eventually(
      `${more} more requests are answered`,
      () => this.#answered >= wanted,
      () => this.#failures,
    );
  }

  async stop(): Promise<{ readonly answered: number; readonly failures: readonly string[] }> {
    this.#child.kill("SIGTERM");
    await Promise.all([this.#child.exited, this.#read]);
    return { answered: this.#answered, failures: this.#failures };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async #readLines(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const bytes of this.#child.stdout) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "ok") this.#answered += 1;
        else this.#failures.push(line);
      }
    }
  }
}
