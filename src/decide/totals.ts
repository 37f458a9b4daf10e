import { type LedgerTotals, LedgerUnavailable } from "../ledger/ledger.ts";
import { fromBooks } from "./kept-transactions.ts";
import { withinTime } from "./nodes/within-time.ts";
import type { BooksReader } from "./ports.ts";
import type { Shard } from "./shard.ts";

/** For a shard's outbox: with the time for the books shorter than the 3 s that the balancer waits for an API. */
const OUTBOX_MILLISECONDS_MAX = 1_400;

/**
 * The trial balance as the books have it, and how far they are behind, as far as the shards tell: those that do not answer
 * are named.
 *
 * @throws LedgerUnavailable if none of them answers, or the books cannot be read
 */
export async function totalsOf(
  shards: readonly Pick<Shard, "waitingSince">[],
  books: Pick<BooksReader, "totals">,
): Promise<LedgerTotals> {
  const { lastG, ...totals } = await fromBooks(books.totals());
  // What was decided before the books were read is in them, or after their last batch in the outbox, or was kept since.
  const looks = await Promise.allSettled(
    shards.map((shard, index) =>
      withinTime(shard.waitingSince((lastG[index] ?? 0) + 1), OUTBOX_MILLISECONDS_MAX),
    ),
  );
  const shardsAway = looks.flatMap(({ status }, shard) => (status === "rejected" ? [shard] : []));
  const [first] = looks;
  if (first?.status === "rejected" && shardsAway.length === looks.length)
    throw new LedgerUnavailable("Redis does not answer", "none", { cause: first.reason });
  const now = Date.now();
  const ages = looks.map((look) =>
    look.status === "rejected" || look.value === null ? 0 : now - Math.floor(look.value / 1000),
  );
  return {
    ...totals,
    lagMilliseconds: Math.max(0, ...ages),
    ...(shardsAway.length === 0 ? {} : { shardsAway }),
  };
}
