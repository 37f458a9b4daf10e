import { type HookQueries, valuesOf } from "./hook-database.ts";
import { textsIn } from "./hook-rows.ts";

/** @param names ids, or beginnings of ids with a `*` behind */
export function isNamed(names: readonly string[], account: string): boolean {
  return names.some((name) =>
    name.endsWith("*") ? account.startsWith(name.slice(0, -1)) : account === name,
  );
}

interface Undelivered {
  readonly shard: number;
  readonly g: number;
  readonly event: number;
  readonly sub: string;
  readonly type: string;
  readonly accounts: string;
}

const PLACE_TYPES = "integer bigint integer text".split(" ");
const ROWS_A_STATEMENT = 100;

/** What waits, or is parked, and is not for a webhook any more goes: whoever narrows it down does not want it. */
export async function dropUnwanted(
  queries: HookQueries,
  webhook: string,
  filter: { readonly types: string | null; readonly accounts: string | null },
): Promise<void> {
  const types = filter.types === null ? null : textsIn(filter.types);
  const accounts = filter.accounts === null ? null : textsIn(filter.accounts);
  if (types === null && accounts === null) return;
  const rows = await queries.all<Undelivered>(
    "SELECT shard, g, event, sub, type, accounts FROM deliveries WHERE webhook = $1 AND state IN ('waiting', 'parked')",
    [webhook],
  );
  const unwanted = rows
    .filter(
      (row) =>
        types?.includes(row.type) === false ||
        (accounts !== null && !textsIn(row.accounts).some((account) => isNamed(accounts, account))),
    )
    .map(({ shard, g, event, sub }) => [shard, g, event, sub]);
  for (let start = 0; start < unwanted.length; start += ROWS_A_STATEMENT) {
    const part = unwanted.slice(start, start + ROWS_A_STATEMENT);
    await queries.all(
      `DELETE FROM deliveries WHERE webhook = $1 AND (shard, g, event, sub) IN (${valuesOf(part, 2, PLACE_TYPES)})`,
      [webhook, ...part.flat()],
    );
  }
}
