import { readFileSync } from "node:fs";
import type { CertificateFiles } from "../servers/certificates.ts";

export interface Received {
  readonly id: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
  /** Of the other side: each connection has one of its own. */
  readonly port: number;
}

type Answer = (received: Received) => Response | Promise<Response>;

/** A target of webhooks: an HTTPS server of the test's own, or an HTTP one without a certificate. */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly #server: Bun.Server<undefined>;
  readonly #name: string;
  /** How it answers, after it noted what it received. */
  answer: Answer = () => new Response(null, { status: 204 });

  /** @param name that its certificate is for */
  constructor(certificate: CertificateFiles | null, name = "127.0.0.1") {
    this.#name = name;
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      ...(certificate === null
        ? {}
        : {
            tls: { cert: readFileSync(certificate.cert, "utf8"), key: readFileSync(certificate.key, "utf8") },
          }),
      fetch: async (request, server) => {
        const body = await request.text();
        const { pathname: path } = new URL(request.url);
        const received = {
          id: request.headers.get("webhook-id") ?? "",
          body,
          headers: Object.fromEntries(request.headers),
          path,
          port: server.requestIP(request)?.port ?? 0,
        };
        this.received.push(received);
        return this.answer(received);
      },
    });
  }

  get url(): string {
    return `${this.#server.url.protocol}//${this.#name}:${this.port}/hook`;
  }

  get port(): number {
    return this.#server.port ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }
}
