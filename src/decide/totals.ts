import type { Micros } from "../ledger/account.ts";
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
  shards: readonly Pick<Shard, "oldestWaiting">[],
  books: Pick<BooksReader, "totals">,
): Promise<LedgerTotals> {
  const looks = await Promise.allSettled(
    shards.map((shard) => withinTime(shard.oldestWaiting(), OUTBOX_MILLISECONDS_MAX)),
  );
  const waiting: Micros[] = [];
  const shardsAway: number[] = [];
  for (const [shard, look] of looks.entries()) {
    if (look.status === "rejected") shardsAway.push(shard);
    else waiting.push(...look.value);
  }
  const [first] = looks;
  if (first?.status === "rejected" && shardsAway.length === looks.length)
    throw new LedgerUnavailable("Redis does not answer", "none", { cause: first.reason });
  const { lastTime, ...totals } = await fromBooks(books.totals());
  const unkept = waiting.filter((time) => time > lastTime);
  const now = Date.now();
  return {
    ...totals,
    lagMilliseconds: unkept.length === 0 ? 0 : Math.max(0, now - Math.floor(Math.min(...unkept) / 1000)),
    ...(shardsAway.length === 0 ? {} : { shardsAway }),
  };
}
