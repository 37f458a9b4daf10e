/**
 * A column as an array literal of PostgreSQL. It is joined in one go, which is several times faster than a driver that
 * checks the type of each element.
 */
export function integers<Row>(rows: readonly Row[], column: (row: Row) => number | bigint | null): string {
  return `{${rows.map((row) => column(row) ?? "NULL").join(",")}}`;
}

/** Texts without U+0000, which PostgreSQL cannot hold. */
export function texts<Row>(rows: readonly Row[], column: (row: Row) => string): string {
  return `{${rows.map((row) => quote(column(row))).join(",")}}`;
}

function quote(text: string): string {
  return /^[a-zA-Z0-9:_-]+$/.test(text) && text.toUpperCase() !== "NULL"
    ? text
    : `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
