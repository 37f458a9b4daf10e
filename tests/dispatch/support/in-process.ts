import { join } from "node:path";
import { KeyFile, KeyFileSource, keyFileOf } from "../../../src/access/key-file.ts";
import { FileBooks } from "../../../src/dispatch/books-now.ts";
import { Dispatcher } from "../../../src/dispatch/dispatcher.ts";
import type { Posted, PostOptions } from "../../../src/dispatch/post.ts";
import { EmbeddedLedger } from "../../../src/embedded/embedded-ledger.ts";
import { FileJournal } from "../../../src/events/file-journal.ts";
import { PublicEvents } from "../../../src/events/to-public-events.ts";
import { DispatchTables } from "../../../src/hooks/dispatch-tables.ts";
import { FileHooks, hookFileOf } from "../../../src/hooks/file-hooks.ts";
import type { HookChange, HookOutcome, HookOwner, Webhook } from "../../../src/hooks/hook-store.ts";
import { HookTables } from "../../../src/hooks/hook-tables.ts";
import { transact } from "../../support/ledger/commands.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** What a target was sent. */
export interface Sent {
  readonly url: string;
  readonly id: string;
  readonly at: number;
  readonly body: {
    readonly type: string;
    readonly data: { readonly accounts: Record<string, { seq: number }> };
  };
}

interface InProcessOptions {
  readonly resolve?: () => Promise<readonly string[]>;
  readonly isReal?: boolean;
}

export const EVERYONE: HookOwner = { name: "", beginning: "" };

/** An embedded ledger with its dispatcher in this process, whose clock stands until it is moved, and which sends nothing. */
export class InProcess implements AsyncDisposable {
  readonly #folder = temporaryFolder("dispatch");
  readonly file = join(this.#folder.path, "razonete.db");
  readonly journal = new FileJournal(this.file, "here");
  readonly ledger = new EmbeddedLedger({ file: this.file, onCommitted: this.journal.committed });
  readonly hooks = new HookTables({
    database: new FileHooks(hookFileOf(this.file)),
    journal: this.journal,
    innerAllowed: false,
    keyHours: async () => 24,
  });
  readonly keys = new KeyFile(keyFileOf(this.file));
  /** In milliseconds. */
  now = Date.now();
  readonly sent: Sent[] = [];
  readonly alarms: string[] = [];
  /** What targets answer, or throw. */
  answer: (sent: Sent) => number | Promise<number> = () => 204;
  #dispatcher: Dispatcher | null = null;
  #running: Promise<void> = Promise.resolve();
  readonly #resolve: () => Promise<readonly string[]>;
  readonly #isReal: boolean;

  /** @param isReal whether it sends, over the network */
  constructor({ resolve = async () => ["93.184.215.14"], isReal = false }: InProcessOptions = {}) {
    this.#resolve = resolve;
    this.#isReal = isReal;
  }

  start(): void {
    const keys = new KeyFileSource(keyFileOf(this.file));
    const tables = new DispatchTables(new FileHooks(hookFileOf(this.file)));
    const dispatcher = new Dispatcher({
      tables,
      journal: this.journal,
      events: new PublicEvents(this.journal),
      books: new FileBooks(this.file),
      keys,
      reach: {
        resolve: this.#resolve,
        innerAllowed: false,
        authorities: null,
        milliseconds: 10_000,
        ...(this.#isReal ? {} : { send: (options: PostOptions) => this.#send(options) }),
      },
      log: { say: () => {}, warn: () => {}, alarm: (line) => void this.alarms.push(line) },
      clock: { now: () => this.now, chance: () => 0.5 },
    });
    this.#dispatcher = dispatcher;
    this.#running = dispatcher.run().finally(async () => {
      await Promise.all([tables.close(), keys.close()]);
    });
  }

  async stop(): Promise<void> {
    this.#dispatcher?.stop();
    await this.#running;
  }

  advance(milliseconds: number): void {
    this.now += milliseconds;
    this.#dispatcher?.wake();
  }

  async submit(change: HookChange, owner = EVERYONE): Promise<HookOutcome> {
    let outcome: HookOutcome = { type: "not-found" };
    await this.hooks.submit(change, {
      owner,
      key: null,
      answerOf: (made) => {
        outcome = made;
        return { status: 200, body: "" };
      },
    });
    return outcome;
  }

  async webhook(url = "https://hooks.example.com/", more: object = {}, owner = EVERYONE): Promise<Webhook> {
    const content = { url, types: null, accounts: null, ...more };
    const made = await this.submit({ type: "create-webhook", content }, owner);
    if (made.type !== "webhook") throw new Error(JSON.stringify(made));
    return made.webhook;
  }

  async shown({ id }: Pick<Webhook, "id">): Promise<Webhook> {
    const webhook = await this.hooks.webhook(EVERYONE, id);
    if (webhook === null) throw new Error(`there is no webhook ${id}`);
    return webhook;
  }

  async credit(account = "1", value = 1): Promise<void> {
    await this.ledger.submit(transact(account, "credit", value), () => false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.hooks.close();
    await this.journal.close();
    await this.ledger.close();
    this.#folder[Symbol.dispose]();
  }

  async #send({ url, headers, body }: PostOptions): Promise<Posted> {
    const sent = { url: url.href, id: headers["webhook-id"] ?? "", at: this.now, body: JSON.parse(body) };
    this.sent.push(sent);
    return { status: await this.answer(sent), retryAfter: null };
  }
}
