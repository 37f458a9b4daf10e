/** Rows with the same members as CSV of RFC 4180, with a header line. What is missing is an empty field. */
export function csvOf<Name extends string>(
  names: readonly Name[],
  rows: readonly Readonly<Record<Name, string | number | null>>[],
): string {
  const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
  return lines.map((fields) => `${fields.map(fieldOf).join(",")}\r\n`).join("");
}

function fieldOf(value: string | number | null): string {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
