import { lookup } from "node:dns/promises";
import { BookKeySource } from "../access/book-keys.ts";
import { KeyFileSource, keyFileOf } from "../access/key-file.ts";
import { bounds } from "../bounds.ts";
import type { DispatchConfig } from "../config/dispatch-config.ts";
import { tryLock } from "../embedded/data-file.ts";
import { messageOf } from "../errors.ts";
import { BookJournal } from "../events/book-journal.ts";
import { FileJournal } from "../events/file-journal.ts";
import { BookHooks } from "../hooks/book-hooks.ts";
import { DispatchTables } from "../hooks/dispatch-tables.ts";
import { FileHooks, hookFileOf } from "../hooks/file-hooks.ts";
import { Leadership } from "../keep/leader-election.ts";
import { DISPATCH_LOCK } from "../keep/postgres-client.ts";
import type { Log } from "../log/log.ts";
import type { Tracing } from "../traces/tracing.ts";
import { ClusterBooks, FileBooks } from "./books-now.ts";
import { Dispatcher, type DispatcherOptions } from "./dispatcher.ts";
import { Poster } from "./poster.ts";

/** Its lock, while it is held. */
interface Lock {
  release(): Promise<void>;
}

/**
 * Dispatches until it is told to stop. Of several such processes one has the lock and works; another takes over when that
 * one ends.
 *
 * @param role told whether this one works
 */
export async function runDispatch(
  config: DispatchConfig,
  log: Log,
  stop: AbortSignal,
  role: { isActive: boolean } = { isActive: false },
  tracing: Tracing | null = null,
): Promise<void> {
  let wasTold = false;
  while (!stop.aborted) {
    let dispatcher: Dispatcher | null = null;
    let isLost = false;
    const lock = await tryTake(config, log, () => {
      isLost = true;
      role.isActive = false;
      dispatcher?.stop();
    });
    if (lock === null) {
      if (!wasTold) log.say("stands by: another one dispatches");
      wasTold = true;
      await pause(bounds.role_look_milliseconds, stop);
      continue;
    }
    wasTold = false;
    log.say("dispatches webhooks");
    role.isActive = !isLost;
    const parts = open(config);
    const poster = new Poster(config.authorities);
    const active = new Dispatcher({ ...parts, reach: reachOf(config, poster, tracing), log });
    dispatcher = active;
    const end = (): void => active.stop();
    stop.addEventListener("abort", end);
    if (stop.aborted || isLost) end();
    try {
      await active.run();
    } finally {
      role.isActive = false;
      stop.removeEventListener("abort", end);
      poster.close();
      const { tables, deliveries, journal, books, keys } = parts;
      await Promise.all([tables, deliveries, journal, books, keys].map((part) => part.close()));
      await lock.release();
    }
  }
}

async function tryTake({ ledger }: DispatchConfig, log: Log, onLost: () => void): Promise<Lock | null> {
  if (ledger.type === "file") {
    const lock = tryLock(hookFileOf(ledger.dataFile));
    return lock === null ? null : { release: async () => lock.close() };
  }
  const leadership = new Leadership(
    ledger.databaseUrl,
    { name: "razonete dispatch lock", lock: DISPATCH_LOCK },
    onLost,
  );
  try {
    if (await leadership.tryTake()) return leadership;
  } catch (error) {
    log.warn(`PostgreSQL cannot be used (${messageOf(error)})`);
  }
  await leadership.release();
  return null;
}

type Parts = Omit<DispatcherOptions, "reach" | "log" | "clock">;

function open({ ledger }: DispatchConfig): Parts {
  if (ledger.type === "file") {
    const { dataFile } = ledger;
    const journal = new FileJournal(dataFile, "elsewhere");
    const tables = new DispatchTables(new FileHooks(hookFileOf(dataFile)));
    return {
      tables,
      deliveries: tables,
      journal,
      books: new FileBooks(dataFile),
      keys: new KeyFileSource(keyFileOf(dataFile)),
    };
  }
  const { databaseUrl } = ledger;
  const journal = new BookJournal(databaseUrl, "razonete dispatch journal");
  return {
    tables: new DispatchTables(new BookHooks(databaseUrl, "razonete dispatch")),
    deliveries: new DispatchTables(new BookHooks(databaseUrl, "razonete dispatch deliveries")),
    journal,
    books: new ClusterBooks(databaseUrl),
    keys: new BookKeySource(databaseUrl),
  };
}

function reachOf(
  { innerAllowed }: DispatchConfig,
  poster: Poster,
  tracing: Tracing | null,
): DispatcherOptions["reach"] {
  return {
    resolve: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
    innerAllowed,
    tracing,
    milliseconds: bounds.webhook_answer_milliseconds_max,
    send: (options) => poster.post(options),
  };
}

async function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      // Who stands by pauses each second, for months.
      stop.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    stop.addEventListener("abort", end);
  });
}
