/** What a rebuild has changed, or would change. */
export interface RebuildReport {
  /** `not-needed`: the tables are what the journal makes of them. `declined`: nothing was changed. */
  readonly type: "rebuilt" | "not-needed" | "declined";
  readonly tables: readonly TableChanges[];
  /** Cursors that were not where their journal ends. A data file has none. */
  readonly cursors: readonly { readonly shard: number; readonly lastG: number; readonly g: number }[];
}

export interface TableChanges {
  readonly table:
    "accounts" | "limits" | "entries" | "holds" | "reversals" | "parts" | "transits" | "from_shards";
  /** Rows that the journal makes. */
  readonly rows: number;
  readonly differing: number;
  /** The first `missing_told_max` of those that differ. */
  readonly first: readonly RowChange[];
}

/** A row before and after; `null`: there is none. */
export interface RowChange {
  /** Of `reversals` the transaction that was taken back; of `parts` and `transits` the attempt; of `from_shards` the unit. */
  readonly account: string;
  readonly before: string | null;
  readonly after: string | null;
}

export function isNeeded({ tables, cursors }: Omit<RebuildReport, "type">): boolean {
  return cursors.length > 0 || tables.some(({ differing }) => differing > 0);
}

const ROW_OF: Readonly<Record<TableChanges["table"], string>> = {
  accounts: "account",
  limits: "account",
  entries: "account",
  holds: "account",
  reversals: "transaction",
  parts: "attempt",
  transits: "attempt",
  from_shards: "unit",
};

/** What changes, for a person. */
export function changeLines({ tables, cursors }: Omit<RebuildReport, "type">): string[] {
  return [
    ...tables.flatMap(({ table, rows, differing, first }) => [
      `${table}: ${rows} rows, ${differing} of them differ`,
      ...first.map(
        ({ account, before, after }) =>
          `  ${ROW_OF[table]} ${account}: ${before ?? "nothing"} becomes ${after ?? "nothing"}`,
      ),
      ...(differing > first.length ? [`  and ${differing - first.length} more`] : []),
    ]),
    ...cursors.map(
      ({ shard, lastG, g }) => `cursor of shard ${shard}: ${lastG} becomes ${g}, where its journal ends`,
    ),
  ];
}
