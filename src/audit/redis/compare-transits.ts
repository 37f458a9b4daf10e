import { texts } from "../../keep/pg-array.ts";
import { openPartsInSql } from "../../keep/transits/in-transit.ts";
import { placeOfEvent } from "../../ledger/event-id.ts";
import type { AttemptId } from "../../ledger/transit.ts";
import type { AwaitedSide } from "../books/books-transits.ts";
import { parseDecision, type QueryBooks, quote } from "../events.ts";
import type { Findings } from "../findings.ts";
import type { OutboxSpill } from "../spill/outbox-spill.ts";
import type { RedisReader } from "./redis-reader.ts";
import { Versions } from "./versions.ts";

/** The parts that the books have of some attempts on a shard, and how far they are. */
export interface KeptParts {
  readonly cursor: number;
  readonly found: ReadonlyMap<AttemptId, readonly KeptPart[]>;
}

interface KeptPart {
  readonly g: number;
  readonly time: string;
  readonly text: string;
  /** `null`: it is open. */
  readonly endedG: number | null;
}

/** The attempts whose parts are open in the books. */
export async function openAttempts(queryBooks: QueryBooks, shard: number): Promise<AttemptId[]> {
  const rows = await queryBooks(`SELECT attempt FROM (${openPartsInSql(shard)}) AS o`, []);
  return rows.map((row) => String(row["attempt"]));
}

export async function partsNow(
  queryBooks: QueryBooks,
  shard: number,
  attempts: readonly AttemptId[],
): Promise<KeptParts> {
  const rows = await queryBooks(
    `SELECT c.last_g::text, p.attempt, p.g::text, p.time::text, p.ended_g::text, p.text
     FROM cursors AS c LEFT JOIN (
       SELECT p.*, j.events[p.event + 1] AS text FROM parts AS p JOIN journal AS j ON j.shard = p.shard AND j.g = p.g
       WHERE p.attempt = ANY($1::text::text[])
     ) AS p ON p.shard = c.shard
     WHERE c.shard = $2::text::integer ORDER BY p.g, p.event`,
    [texts(attempts, (attempt) => attempt), String(shard)],
  );
  const parts = rows
    .filter((row) => row["attempt"] !== null)
    .map((row) => {
      const endedG = row["ended_g"] === null ? null : Number(row["ended_g"]);
      const part = { g: Number(row["g"]), time: String(row["time"]), text: String(row["text"]), endedG };
      return { attempt: String(row["attempt"]), part };
    });
  const byAttempt = Map.groupBy(parts, ({ attempt }) => attempt);
  const found = new Map([...byAttempt].map(([attempt, some]) => [attempt, some.map(({ part }) => part)]));
  return { cursor: Number(rows[0]?.["last_g"] ?? 0), found };
}

/** What Redis has of a part, and by which time it is among those that are open; `knownG`: Redis had this batch by then. */
export interface ObservedPart {
  readonly text: string | null;
  readonly listed: string | null;
  readonly knownG: number;
}

/** Compares a part in Redis with all that it may have been when it was read. */
export function comparePart(
  attempt: AttemptId,
  { cursor, found }: KeptParts,
  outbox: OutboxSpill,
  { text, listed, knownG }: ObservedPart,
  findings: Findings,
): void {
  const [rows, times] = [new Versions(), new Versions()];
  for (const part of found.get(attempt) ?? []) {
    rows.add(part.g, part.text);
    times.add(part.g, part.time);
    if (part.endedG === null) continue;
    rows.add(part.endedG, null);
    times.add(part.endedG, null);
  }
  for (const { g, text: eventText } of outbox.movesOf(`part:${attempt}`, cursor)) {
    const event = parseDecision(eventText);
    rows.add(g, event?.type === "part" ? eventText : null);
    times.add(g, event?.type === "part" ? String(event.time) : null);
  }
  const differs = (detail: string): void => findings.add("redis-differs", null, null, detail);
  if (!rows.mayBe(text, knownG)) {
    if (text === null) differs(`Redis does not have the part ${attempt}, which is open`);
    else if (rows.latest === null) differs(`Redis has the part ${attempt}, which is not open`);
    else
      differs(`Redis has the part ${attempt} as ${quote(text)}, books and outbox have ${quote(rows.latest)}`);
  }
  if (times.mayBe(listed, knownG)) return;
  if (listed === null) differs(`Redis does not list the part ${attempt}: nobody would complete it`);
  else
    differs(`Redis lists the part ${attempt} at ${listed}, books and outbox at ${times.latest ?? "no time"}`);
}

/** Home has to know of each attempt that was decided and has an open part: else whoever completes the part would undo it. */
export async function compareDecisions(
  shard: number,
  { queryBooks, redis, findings }: { queryBooks: QueryBooks; redis: RedisReader; findings: Findings },
): Promise<void> {
  const rows = await queryBooks(
    `SELECT p.attempt, t.shard AS home, concat_ws(' ', t.transaction, t.time, coalesce(t.hold, '-')) AS decided
     FROM parts AS p JOIN transits AS t ON t.attempt = p.attempt WHERE p.state = 'open' AND p.shard = ${shard}`,
    [],
  );
  for (const { attempt, home, decided } of rows) {
    // Home before the part: as long as that is open home does not forget it.
    const known = await redis.text(Number(home), `transit:${String(attempt)}`);
    if (known === decided || (await redis.text(shard, `part:${String(attempt)}`)) === null) continue;
    const has = known === null ? "nothing" : quote(known);
    const detail = `shard ${String(home)} in Redis has ${has} of the attempt ${String(attempt)}, which was decided: ${quote(String(decided))}`;
    findings.add("redis-differs", null, null, detail);
  }
}

/** Looks for what the books did not have, while they had the other side. */
export async function findAwaited(
  awaited: readonly AwaitedSide[],
  outbox: OutboxSpill,
  queryBooks: QueryBooks,
  findings: Findings,
): Promise<void> {
  for (const { attempt, transaction, shard, what } of awaited) {
    if (isInOutbox({ attempt, transaction, what }, outbox)) continue;
    const [row] = await queryBooks(
      what === "part"
        ? "SELECT FROM parts WHERE attempt = $1 AND shard = $2::text::integer"
        : "SELECT FROM transits WHERE attempt = $1 AND shard = $2::text::integer",
      [attempt, String(shard)],
    );
    if (row !== undefined) continue;
    const detail =
      what === "part"
        ? `the transaction ${transaction} was decided, and shard ${shard} has no part of it`
        : `a part of the transaction ${transaction} is finished, and shard ${shard} has not decided it`;
    findings.add("transit-broken", null, null, detail);
  }
}

function isInOutbox(
  { attempt, transaction, what }: Pick<AwaitedSide, "attempt" | "transaction" | "what">,
  outbox: OutboxSpill,
): boolean {
  if (what === "part") return outbox.movesOf(`part:${attempt}`, 0).length > 0;
  const place = placeOfEvent("t", transaction);
  const text = place === null ? undefined : outbox.batch(place.g)[place.index];
  const event = text === undefined ? null : parseDecision(text);
  return (event?.type === "transaction" || event?.type === "capture") && event.across?.attempt === attempt;
}
