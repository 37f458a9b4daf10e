import { accountsMoved, NAMED_LOSSES } from "../../keep/transits/lost-sides.ts";
import { addFromShards } from "../../keep/transits/part-changes.ts";
import { bounds } from "../../bounds.ts";
import { parseEventOrNull } from "../../ledger/event.ts";
import { placeOfEvent } from "../../ledger/event-id.ts";
import type { EventId } from "../../ledger/transaction.ts";
import type { AttemptId } from "../../ledger/transit.ts";
import type { Findings } from "../findings.ts";
import { queryLimited } from "./books-accounts.ts";
import { big, type Snapshot } from "./books-snapshot.ts";

/**
 * One side of a transaction across shards that the books do not have, while they have the other one. Each shard's books go on
 * at their own pace, so it has to be in the outbox of its shard, or in the books by now.
 */
export interface AwaitedSide {
  readonly attempt: AttemptId;
  readonly transaction: EventId;
  /** Where it has to be. */
  readonly shard: number;
  readonly what: "decision" | "part";
}

/**
 * A part is finished if it was decided, on the shards that the decision names, and undone if it was not; and what accounts have
 * from accounts of other shards is 0 but for what is in transit.
 *
 * @returns what has to be looked for in outboxes
 */
export async function checkTransits(
  books: Snapshot,
  shards: number,
  findings: Findings,
): Promise<AwaitedSide[]> {
  const broken = (detail: string): void => findings.add("transit-broken", null, null, detail);
  for (const row of await queryLimited(books, findings, UNDONE_THOUGH_DECIDED, []))
    broken(`shard ${row["shard"]} has undone its part of ${row["transaction"]}, which was decided`);
  for (const row of await queryLimited(books, findings, FINISHED_OTHERWISE, []))
    broken(
      `shard ${row["shard"]} has finished a part of ${row["finished"]}, the decision of the attempt ${row["attempt"]} is ` +
        `${row["transaction"]} with parts on ${row["shards"]}`,
    );
  await checkSums(books, broken);
  return awaitedSides(books, shards);
}

const UNDONE_THOUGH_DECIDED = `
  SELECT p.shard, t.transaction FROM parts AS p JOIN transits AS t ON t.attempt = p.attempt WHERE p.state = 'undone'`;

const FINISHED_OTHERWISE = `
  SELECT p.shard, p.attempt, p.transaction AS finished, t.transaction, array_to_string(t.shards, ',') AS shards
  FROM parts AS p JOIN transits AS t ON t.attempt = p.attempt
  WHERE p.state = 'finished' AND (p.transaction <> t.transaction OR p.shard <> ALL (t.shards))`;

const UNFINISHED = `
  SELECT t.attempt, t.transaction, s.shard FROM transits AS t CROSS JOIN unnest(t.shards) AS s (shard)
  WHERE NOT EXISTS (
    SELECT FROM parts AS p WHERE p.attempt = t.attempt AND p.shard = s.shard AND p.state = 'finished'
  )`;

const UNDECIDED = `
  SELECT p.attempt, p.transaction FROM parts AS p
  WHERE p.state = 'finished' AND NOT EXISTS (SELECT FROM transits AS t WHERE t.attempt = p.attempt)`;

/** The events that the books have of transactions of which they do not have all. */
const INCOMPLETE = `
  SELECT j.events[e.event + 1] AS text
  FROM (SELECT attempt FROM (${UNFINISHED}) AS u UNION SELECT attempt FROM (${UNDECIDED}) AS u) AS i
  JOIN (
    SELECT attempt, shard, g, event FROM transits
    UNION ALL SELECT attempt, shard, ended_g, ended_event FROM parts WHERE state = 'finished'
  ) AS e ON e.attempt = i.attempt
  JOIN journal AS j ON j.shard = e.shard AND j.g = e.g`;

async function checkSums(books: Snapshot, broken: (detail: string) => void): Promise<void> {
  const inTransit = new Map<string, bigint>();
  for (const { text } of await books.query(INCOMPLETE)) {
    const event = typeof text === "string" ? parseEventOrNull(text) : null;
    if (event?.type === "transaction" || event?.type === "capture" || event?.type === "finish")
      addFromShards(event, inTransit);
  }
  const rows = await books.query("SELECT unit, sum(amount)::text AS amount FROM from_shards GROUP BY unit");
  const sums = new Map(rows.map((row) => [String(row["unit"]), big(row["amount"])]));
  for (const unit of new Set([...sums.keys(), ...inTransit.keys()])) {
    const [sum, wanted] = [sums.get(unit) ?? 0n, inTransit.get(unit) ?? 0n];
    if (sum !== wanted)
      broken(
        `accounts in ${unit} have ${sum} from accounts of other shards, what is in transit makes ${wanted}`,
      );
  }
}

async function awaitedSides(books: Snapshot, shards: number): Promise<AwaitedSide[]> {
  const some = `LIMIT ${bounds.audit_rows_named_max}`;
  const named = new Set((await books.query(NAMED_LOSSES)).map((row) => String(row["lost"])));
  const parts = await books.query(
    `SELECT u.*, j.events[t.event + 1] AS text FROM (${UNFINISHED}) AS u
     JOIN transits AS t ON t.attempt = u.attempt JOIN journal AS j ON j.shard = t.shard AND j.g = t.g
     WHERE NOT EXISTS (SELECT FROM parts AS p WHERE p.attempt = u.attempt AND p.shard = u.shard) ${some}`,
  );
  const decisions = await books.query(`${UNDECIDED} ${some}`);
  const awaited: AwaitedSide[] = [];
  for (const row of parts) {
    const [attempt, transaction] = [String(row["attempt"]), String(row["transaction"])];
    const shard = Number(row["shard"]);
    const event = parseEventOrNull(String(row["text"]));
    const isMoving = event?.type === "transaction" || event?.type === "capture";
    // A restore cannot bring back one that was about conditions alone, and need not.
    if (isMoving && accountsMoved(event.postings, shard, shards).length > 0)
      awaited.push({ attempt, transaction, shard, what: "part" });
  }
  for (const row of decisions) {
    const [attempt, transaction] = [String(row["attempt"]), String(row["transaction"])];
    const shard = placeOfEvent("t", transaction)?.shard ?? 0;
    awaited.push({ attempt, transaction, shard, what: "decision" });
  }
  return awaited.filter(({ shard, attempt }) => !named.has(`${shard} ${attempt}`));
}
