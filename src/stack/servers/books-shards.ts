import { closeSync, openSync } from "node:fs";
import { StartError } from "../../errors.ts";
import { BOOKS, dataArgument, type PostgresUser } from "../postgres.ts";
import type { ProgramPaths } from "../server-programs.ts";

interface StoppedBooks {
  readonly programs: Pick<ProgramPaths, "postgres">;
  readonly user: PostgresUser;
  /** PostgreSQL's data folder. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Asks the books, before any server of the stack runs, whether the ledger was begun with so many shards. It is not noted
 * anywhere else, since another ledger's books may have been put back into the folder.
 *
 * @throws StartError if it was begun with another number
 */
export async function requireShards(books: StoppedBooks, wanted: number): Promise<void> {
  const begunWith = await shardsInBooks(books);
  if (begunWith === null || begunWith === wanted) return;
  const shards = begunWith === 1 ? "1 shard" : `${begunWith} shards`;
  throw new StartError(
    `this ledger was begun with ${shards}, which cannot be changed to ${wanted}: leave out --shards, or begin ` +
      "another ledger with --data or --fresh.",
  );
}

/** @returns null if they do not tell, as where the first start was interrupted: the start finds out why */
async function shardsInBooks({ programs, user, folder, environment }: StoppedBooks): Promise<number | null> {
  const opened = openSync(folder, "r");
  try {
    const { path } = dataArgument(user, folder);
    // In this mode PostgreSQL does not listen.
    const child = Bun.spawn([...user.prefix, programs.postgres, "--single", "-D", path, BOOKS], {
      cwd: "/",
      env: { ...environment },
      stdio: [Buffer.from("SELECT 'shards:' || shards AS told FROM system\n"), "pipe", "ignore", opened],
      // Detached from the terminal: a Ctrl-C does not interrupt it.
      detached: true,
    });
    const [told] = await Promise.all([new Response(child.stdout).text(), child.exited]);
    const found = /"shards:(\d+)"/.exec(told)?.[1];
    return found === undefined ? null : Number(found);
  } finally {
    closeSync(opened);
  }
}
