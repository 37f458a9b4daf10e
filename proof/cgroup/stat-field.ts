/** A number from a file with lines such as `nr_periods 12`; 0 if there is no such line. */
export function statField(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}
