/** A process that tells of itself what a test says. */
export class StandInPart implements AsyncDisposable {
  readonly #server: Bun.Server<undefined>;
  /** How often it was asked. */
  asked = 0;
  metrics = "";
  /** Does not answer, as a frozen process does not. */
  isSilent = false;
  /** In place of metrics: as a health route answers. */
  health: { readonly status: number; readonly body: object } | null = null;

  constructor() {
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async () => {
        this.asked += 1;
        while (this.isSilent) await Bun.sleep(20);
        if (this.health !== null) return Response.json(this.health.body, { status: this.health.status });
        return new Response(this.metrics, {
          headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        });
      },
    });
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#server.port}/metrics`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isSilent = false;
    await this.#server.stop(true);
  }
}
