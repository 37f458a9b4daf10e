import { existsSync } from "node:fs";
import { bounds } from "../bounds.ts";
import { inspectDataFile, isLocked, resolveFile } from "../embedded/data-file.ts";
import { StartError } from "../errors.ts";
import { BookJournal } from "../events/book-journal.ts";
import { FileJournal } from "../events/file-journal.ts";
import type { JournalSource } from "../events/journal-source.ts";
import type { LedgerTarget } from "../stack/ledger-target.ts";
import { requireTrusted } from "../tls/require-trusted.ts";

/**
 * The journal of a ledger that somebody else may have open.
 *
 * @throws StartError if it is a file, and not a ledger's
 */
export async function openJournal(target: LedgerTarget): Promise<JournalSource> {
  if (target.type === "cluster") {
    const { databaseUrl } = target.servers;
    await requireTrusted({ databaseUrl });
    return new BookJournal(databaseUrl, "razonete export", bounds.books_answer_milliseconds_max);
  }
  if (!existsSync(target.path)) {
    throw new StartError(`there is no data file ${target.path}: name its folder with --data.`);
  }
  const path = resolveFile(target.path);
  const isOpen = isLocked(path);
  const found = inspectDataFile(path, isOpen);
  if (found.type === "refused") throw new StartError(found.sentence);
  if (found.type === "damaged")
    throw new StartError(`the data file ${path} is damaged (${found.finding}): bring back a backup.`);
  return new FileJournal(path, isOpen || existsSync(`${path}-wal`) ? "elsewhere" : "nowhere");
}
