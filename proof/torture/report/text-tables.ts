/** Rows in aligned columns for a terminal: text to the left, figures to the right. */
export function plainTable(
  rows: readonly (readonly string[])[],
  isFigure: (column: number) => boolean,
): string[] {
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = Math.max(...rows.map((one) => one[column]?.length ?? 0));
        return isFigure(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

/** Rows as a Markdown table; the first row is its head. */
export function markdownTable(rows: readonly (readonly string[])[], textColumns: number): string[] {
  const [head = [], ...others] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const padded = (row: readonly string[]) =>
    line(
      widths.map((width, column) =>
        column < textColumns ? (row[column] ?? "").padEnd(width) : (row[column] ?? "").padStart(width),
      ),
    );
  const rule = widths.map((width, column) =>
    column < textColumns ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [padded(head), line(rule), ...others.map(padded)];
}

export function number(value: number): string {
  return value.toLocaleString("en-US");
}
