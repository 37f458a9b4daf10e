import type { Database } from "bun:sqlite";
import { bounds } from "../../bounds.ts";
import type { AccountId } from "../../ledger/account.ts";
import { formatEvent, parseEventOrNull } from "../../ledger/event.ts";
import type { Findings } from "../findings.ts";
import { readEntries } from "./check-entries.ts";
import { compareTexts } from "./compare-texts.ts";
import { type EventSums, type LimitEvent, NO_LIMIT } from "./event-sums.ts";
import { readEvents } from "./journal-rows.ts";
import { Pace } from "./pace.ts";
import { readLimitEvents } from "./table-events.ts";

/** Where an event is in the tables. */
interface Place {
  readonly account: AccountId;
  /** Of an entry; null: it is an opening or a limit. */
  readonly seq: number | null;
  /** Of a limit; null: it is an entry. */
  readonly version: number | null;
}

interface PlacedEvent extends Place {
  readonly text: string;
}

interface Difference {
  readonly event: Place;
  /** What the journal and the tables have there; null: nothing. */
  readonly journal: string | null;
  readonly tables: string | null;
}

/**
 * Reads journal and tables once more, if the sums of their events differ, and adds a finding for each account and entry
 * that differs.
 */
export async function nameDifferences(db: Database, findings: Findings, sums: EventSums): Promise<void> {
  const { chosen, left } = choose(sums);
  if (chosen.size === 0) return;
  const differences: Difference[] = [];
  const expected = new Map<string, PlacedEvent>();
  const versions = new Map<AccountId, number>();
  const isChosen = (account: AccountId, seq: number | null): boolean =>
    chosen.has(sums.bucketOf(account, seq));
  await readEvents(db, new Pace(), (event, text) => {
    if (event.type === "refusal") return;
    const { account, seq } = event.type === "entry" ? event.entry : { account: event.account, seq: null };
    if (!isChosen(account, seq)) return;
    // All limits of an account are in one bucket.
    const version = seq === null ? (event.type === "open" ? 1 : (versions.get(account) ?? 1) + 1) : null;
    if (version !== null) versions.set(account, version);
    const placed = { account, seq, version, text };
    const place = keyOf(placed);
    const first = expected.get(place);
    if (first === undefined) expected.set(place, placed);
    else differences.push({ event: placed, journal: `${first.text}" and "${text}`, tables: null });
  });
  const compare = (placed: PlacedEvent): void => {
    const place = keyOf(placed);
    const journal = expected.get(place)?.text ?? null;
    expected.delete(place);
    if (journal !== placed.text) differences.push({ event: placed, journal, tables: placed.text });
  };
  await readLimitEvents(db, new Pace(), (event: LimitEvent) => {
    if (isChosen(event.account, null)) compare({ ...event, seq: null });
  });
  await readEntries(db, new Pace(), (entry, _before, limit) => {
    const { account, seq } = entry;
    if (!isChosen(account, seq)) return;
    const creditLimit = limit?.credit_limit ?? NO_LIMIT;
    compare({ account, seq, version: null, text: formatEvent({ type: "entry", entry, creditLimit }) });
  });
  for (const event of expected.values()) differences.push({ event, journal: event.text, tables: null });
  report(findings, differences);
  if (left > 0) {
    const detail = "more differs than was compared one by one: mend what is named, then audit again";
    findings.add("journal-differs", null, null, detail);
  }
}

/** The buckets that are looked into, and how many are not, so that memory does not grow with the damage. */
function choose(sums: EventSums): { readonly chosen: ReadonlySet<number>; readonly left: number } {
  const chosen = new Set<number>();
  let events = 0;
  let left = 0;
  for (const differing of sums.differing()) {
    events += differing.events;
    if (chosen.size === 0 || events <= bounds.audit_named_events) chosen.add(differing.bucket);
    else left += 1;
  }
  return { chosen, left };
}

function keyOf({ account, seq, version }: Place): string {
  return `${account} ${seq} ${version}`;
}

/**
 * One limit that was changed is not also a finding for each entry that was held to it, and an account that is gone not
 * for each of its entries. What else is missing of an account, or was held to another limit, is one finding.
 */
function report(findings: Findings, differences: readonly Difference[]): void {
  const withOtherLimit = new Set<AccountId>();
  const gone = new Set<AccountId>();
  for (const { event, tables } of differences) {
    if (event.seq !== null) continue;
    withOtherLimit.add(event.account);
    if (event.version === 1 && tables === null) gone.add(event.account);
  }
  const groups = new Map<string, { readonly first: Difference; more: number }>();
  for (const difference of differences.toSorted(byPlace)) {
    const { account, seq } = difference.event;
    const kind = seq === null ? "other" : kindOf(difference);
    if (kind === "missing" && gone.has(account)) continue;
    if (kind === "limit" && withOtherLimit.has(account)) continue;
    const key = kind === "other" ? keyOf(difference.event) : `${account} ${kind}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { first: difference, more: 0 });
    else group.more += 1;
  }
  for (const { first, more } of groups.values()) {
    const { event, journal, tables } = first;
    const others = more === 0 ? "" : `; so do ${more} later places`;
    const detail = `the journal has ${quoted(journal)}, the tables have ${quoted(tables)}${others}`;
    findings.add("journal-differs", event.account, event.seq, detail);
  }
}

function byPlace({ event: a }: Difference, { event: b }: Difference): number {
  return (
    compareTexts(a.account, b.account) || (a.seq ?? 0) - (b.seq ?? 0) || (a.version ?? 0) - (b.version ?? 0)
  );
}

/** Of an entry's difference. */
function kindOf({ journal, tables }: Difference): "missing" | "limit" | "other" {
  if (tables === null) return "missing";
  const [one, other] = [journal, tables].map((text) => (text === null ? null : parseEventOrNull(text)));
  if (one?.type !== "entry" || other?.type !== "entry") return "other";
  return Bun.deepEquals(one.entry, other.entry) ? "limit" : "other";
}

function quoted(text: string | null): string {
  return text === null ? "nothing" : `"${text}"`;
}
