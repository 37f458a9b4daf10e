import { join } from "node:path";
import { KeyFile, KeyFileSource, keyFileOf } from "../../../src/access/key-file.ts";
import { FileBooks } from "../../../src/dispatch/books-now.ts";
import { Dispatcher } from "../../../src/dispatch/dispatcher.ts";
import { Poster, type Posted, type PostOptions } from "../../../src/dispatch/poster.ts";
import { EmbeddedLedger } from "../../../src/embedded/embedded-ledger.ts";
import { FileJournal } from "../../../src/events/file-journal.ts";
import { DispatchTables } from "../../../src/hooks/dispatch-tables.ts";
import { FileHooks, hookFileOf } from "../../../src/hooks/file-hooks.ts";
import type {
  HookChange,
  HookOutcome,
  HookOwner,
  Watch,
  WatchContent,
  Webhook,
} from "../../../src/hooks/hook-store.ts";
import { HookTables } from "../../../src/hooks/hook-tables.ts";
import { open, transact } from "../../support/ledger/commands.ts";
import { eventually } from "../../support/eventually.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** What a target was sent. */
const nothing = (): void => {};
const QUIET = { format: "people", say: nothing, warn: nothing, report: nothing } as const;

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
  readonly #running = new Map<Dispatcher, Promise<void>>();
  readonly #resolve: () => Promise<readonly string[]>;
  readonly #isReal: boolean;
  readonly #poster = new Poster(null);

  /** @param isReal whether it sends, over the network */
  constructor({ resolve = async () => ["93.184.215.14"], isReal = false }: InProcessOptions = {}) {
    this.#resolve = resolve;
    this.#isReal = isReal;
  }

  /** Once more: another one beside it, as when a lock was lost. */
  start(): void {
    const keys = new KeyFileSource(keyFileOf(this.file));
    const tables = new DispatchTables(new FileHooks(hookFileOf(this.file)));
    const dispatcher = new Dispatcher({
      tables,
      deliveries: tables,
      journal: this.journal,
      books: new FileBooks(this.file),
      keys,
      reach: {
        resolve: this.#resolve,
        innerAllowed: false,
        milliseconds: 10_000,
        tracing: null,
        send: (options) => (this.#isReal ? this.#poster.post(options) : this.#send(options)),
      },
      log: { ...QUIET, alarm: (line) => void this.alarms.push(line) },
      clock: { now: () => this.now, chance: () => 0.5 },
    });
    const running = async (): Promise<void> => {
      await dispatcher.run();
      await Promise.all([tables.close(), keys.close()]);
    };
    this.#running.set(dispatcher, running());
  }

  async stop(): Promise<void> {
    for (const dispatcher of this.#running.keys()) dispatcher.stop();
    await Promise.all(this.#running.values());
    this.#running.clear();
  }

  advance(milliseconds: number): void {
    this.now += milliseconds;
    for (const dispatcher of this.#running.keys()) dispatcher.wake();
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

  async debit(account: string, value: number): Promise<void> {
    await this.ledger.submit(transact(account, "debit", value), () => false);
  }

  async open(account: string, creditLimit: number): Promise<void> {
    await this.ledger.submit(open(creditLimit, { account }), () => false);
  }

  /** And waits until it is armed. */
  async watch(content: Partial<WatchContent> & { readonly availableLessThan: number }): Promise<Watch> {
    const made = await this.submit({
      type: "create-watch",
      content: { account: null, prefix: null, ...content },
    });
    if (made.type !== "watch") throw new Error(JSON.stringify(made));
    await this.armed(made.watch);
    return made.watch;
  }

  async armed({ id }: Pick<Watch, "id">): Promise<void> {
    await eventually("it is armed", async () => (await this.hooks.watch(EVERYONE, id))?.armed === true);
  }

  /** The accounts that crossed, in order. */
  async crossings({ id }: Pick<Watch, "id">): Promise<readonly string[]> {
    const page = await this.hooks.crossings(EVERYONE, id, { count: 100_000, after: null });
    return (page?.items ?? []).map(({ account }): string => JSON.parse(account).id).toReversed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#poster.close();
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
