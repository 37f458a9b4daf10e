import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { requestPartsOf, decodeAnswer } from "../../../proof/torture/clients/http-codec.ts";
import type { Answer, Operation } from "../../../proof/torture/clients/history.ts";
import { readFileBooks } from "../../../proof/torture/system/read-books.ts";
import type { BooksSnapshot } from "../../../proof/torture/system/system-under-test.ts";
import { EmbeddedLedger } from "../../../src/embedded/embedded-ledger.ts";
import { type HttpServer, startHttpServer } from "../../../src/http/server.ts";
import type { Command } from "../../../src/ledger/command.ts";
import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

type Mutable<Rows> = {
  -readonly [Key in keyof Rows]: Rows[Key] extends readonly (infer Row)[] ? Row[] : never;
};

export type Books = Mutable<BooksSnapshot>;

const BEGAN = Date.UTC(2024, 0, 17) * 1000;

/**
 * The embedded ledger behind its own edge, in a time of its own: what it decides is right. It can also forget what it
 * has decided last.
 */
export class SimulatedLedger implements AsyncDisposable {
  readonly #folder = temporaryFolder("simulated");
  readonly #file = join(this.#folder.path, "razonete.db");
  #running: { readonly ledger: EmbeddedLedger; readonly server: HttpServer };
  /** In milliseconds. */
  now = 0;
  /** The access key that the request under way came with: one is asked after the other. */
  #by: string | null = null;

  constructor() {
    this.#running = this.#start();
  }

  async ask(operation: Operation, key: string | null, by: string | null): Promise<Answer> {
    this.#by = by;
    const { method, path, body } = requestPartsOf(operation);
    const response = await fetch(`${this.#running.server.url}${path}`, {
      method,
      headers: key === null ? {} : { "idempotency-key": key },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
    });
    const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`);
    const head = [`HTTP/1.1 ${response.status} X`, ...headers].join("\r\n");
    return decodeAnswer(operation, {
      type: "answered",
      status: response.status,
      head,
      body: await response.text(),
    });
  }

  books(): Books {
    const { accounts, entries, holds, reversals, journal } = readFileBooks(this.#file);
    const [all, rows] = [[...accounts], [...entries]];
    return {
      accounts: all,
      entries: rows,
      holds: [...holds],
      reversals: [...reversals],
      journal: [...journal],
    };
  }

  /** Keeps what it has decided until now, to come back to it. */
  async save(): Promise<void> {
    await this.#stop();
    copyFileSync(this.#file, `${this.#file}.saved`);
    this.#running = this.#start();
  }

  /** Comes back to that, as one whose disk was cut and that was restored. */
  async forget(tell: "batches" | "nothing"): Promise<RestoreReport> {
    const known = this.books().journal.length;
    await this.#stop();
    for (const end of ["-wal", "-shm"]) rmSync(`${this.#file}${end}`, { force: true });
    copyFileSync(`${this.#file}.saved`, this.#file);
    this.#running = this.#start();
    const lost = known - this.books().journal.length;
    const batches = tell === "batches" && lost > 0 ? [{ shard: 0, from: 1, to: lost }] : [];
    return { type: "restored", epoch: "next", shards: [], missing: { batches, accounts: [] }, unknown: [] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    this.#folder[Symbol.dispose]();
  }

  #start() {
    const ledger = new EmbeddedLedger({ file: this.#file, clock: () => BEGAN + Math.floor(this.now * 1000) });
    const named = (command: Command): Command => (this.#by === null ? command : { ...command, by: this.#by });
    const [submit, submitEach, submitAll] = [
      ledger.submit.bind(ledger),
      ledger.submitEach.bind(ledger),
      ledger.submitAll.bind(ledger),
    ];
    ledger.submit = (command, ...rest) => submit(named(command), ...rest);
    ledger.submitEach = (commands, ...rest) => submitEach(commands.map(named), ...rest);
    ledger.submitAll = (commands, ...rest) => submitAll(commands.map(named), ...rest);
    const server = startHttpServer(ledger, {
      address: { host: "127.0.0.1", port: 0 },
      onDefect: (message) => {
        throw new Error(message);
      },
    });
    return { ledger, server };
  }

  async #stop(): Promise<void> {
    await this.#running.server.stop();
    await this.#running.ledger.close();
  }
}
