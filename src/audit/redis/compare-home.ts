import { texts } from "../../keep/pg-array.ts";
import { placeOfEvent } from "../../ledger/event-id.ts";
import type { AttemptId } from "../../ledger/transit.ts";
import { parseDecision, type QueryBooks, quote } from "../events.ts";
import type { Findings } from "../findings.ts";
import type { OutboxSpill } from "../spill/outbox-spill.ts";
import { readOutbox } from "./read-outbox.ts";
import type { RedisReader } from "./redis-reader.ts";

export interface CompareHomeOptions {
  readonly queryBooks: QueryBooks;
  readonly redis: RedisReader;
  /** Of the shard, as read so far. */
  readonly outbox: OutboxSpill;
  readonly findings: Findings;
}

/** What home's outbox or books have decided, in the form that Redis has it. */
interface Decision {
  /** As in `transit:<attempt>`. */
  readonly text: string;
  /** With commas. */
  readonly shards: string;
}

/**
 * Compares the decisions that home lists, as not known to be completed, with those that were made. By one that nobody made,
 * parts would be finished that have to be undone; with shards left out home would forget it too soon. What home has
 * forgotten is looked for elsewhere, see compareDecisions.
 */
export async function compareHome(
  shard: number,
  { queryBooks, redis, outbox, findings }: CompareHomeOptions,
): Promise<void> {
  for await (const members of redis.members(shard, "transits")) {
    // Mostly there is none.
    if (members.length === 0) continue;
    const listed = members.map((member) => {
      const [attempt = "", shards = ""] = member.split(" ");
      return { attempt, shards };
    });
    const known = await redis.texts(
      shard,
      listed.map(({ attempt }) => `transit:${attempt}`),
    );
    // The outbox before the books: what was decided by now is in one of the two.
    await readOutbox(redis, shard, outbox);
    const kept = await decisionsNow(
      queryBooks,
      listed.map(({ attempt }) => attempt),
    );
    for (const [index, { attempt, shards }] of listed.entries()) {
      const text = known[index] ?? ABANDONED;
      if (text === ABANDONED) continue;
      const made = kept.made.get(attempt) ?? inOutbox(shard, attempt, text, outbox);
      // A restore makes home know of one that it has lost, by a part that was finished, and names it.
      if (made === null && kept.proven.has(`${attempt} ${text.split(" ", 1)[0]}`)) continue;
      if (made?.text === text && made.shards === shards) continue;
      const has = made === null ? "none" : `${quote(made.text)} with parts on ${made.shards}`;
      const detail = `shard ${shard} in Redis has a decision of the attempt ${attempt}, ${quote(text)} with parts on ${shards}, books and outbox have ${has}`;
      findings.add("redis-differs", null, null, detail);
    }
  }
}

/** As Redis has it, or nothing at all. */
const ABANDONED = "-";

async function decisionsNow(
  queryBooks: QueryBooks,
  attempts: readonly AttemptId[],
): Promise<{ readonly made: ReadonlyMap<AttemptId, Decision>; readonly proven: ReadonlySet<string> }> {
  const wanted = [texts(attempts, (attempt) => attempt)];
  const made = await queryBooks(
    `SELECT attempt, concat_ws(' ', transaction, time, coalesce(hold, '-')) AS decided, array_to_string(shards, ',') AS shards
     FROM transits WHERE attempt = ANY($1::text::text[])`,
    wanted,
  );
  const finished = await queryBooks(
    `SELECT concat_ws(' ', attempt, transaction) AS proven FROM parts
     WHERE attempt = ANY($1::text::text[]) AND state = 'finished'`,
    wanted,
  );
  return {
    made: new Map(
      made.map((row) => [
        String(row["attempt"]),
        { text: String(row["decided"]), shards: String(row["shards"]) },
      ]),
    ),
    proven: new Set(finished.map((row) => String(row["proven"]))),
  };
}

/** @param text which names the place where the decision has to be */
function inOutbox(shard: number, attempt: AttemptId, text: string, outbox: OutboxSpill): Decision | null {
  const [transaction = ""] = text.split(" ", 1);
  const place = placeOfEvent("t", transaction);
  const found = place?.shard === shard ? outbox.batch(place.g)[place.index] : undefined;
  const event = found === undefined ? null : parseDecision(found);
  if ((event?.type !== "transaction" && event?.type !== "capture") || event.across?.attempt !== attempt)
    return null;
  const hold = event.type === "capture" ? event.hold : "-";
  return { text: `${transaction} ${event.time} ${hold}`, shards: event.across.shards.join(",") };
}
