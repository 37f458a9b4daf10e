/** A setting of a server that the ledger's promise stands on. */
export interface RequiredSetting {
  readonly name: string;
  /** `undefined`: the server does not tell. */
  readonly value: string | undefined;
  readonly wanted: string;
  /** Default: it is what is wanted. */
  readonly isMet?: boolean;
  /** It is only about what is on disk after a loss of power: `DURABILITY=relaxed` does without it. */
  readonly relaxable: boolean;
}

/**
 * What is wrong with a server's settings and how to mend it, for a person; null if nothing is.
 *
 * @param server its name and what it may do with these settings, for example "Redis may lose what it has answered"
 * @param durable false does without the settings that are relaxable
 */
export function faultOfSettings(
  server: string,
  settings: readonly RequiredSetting[],
  durable: boolean,
): string | null {
  const wrong = settings.filter(
    ({ value, wanted, isMet, relaxable }) => !(isMet ?? value === wanted) && (durable || !relaxable),
  );
  if (wrong.length === 0) return null;
  const list = wrong.map(({ name, value, wanted }) => `${name} ${wanted} (it is ${value ?? "not told"})`);
  const isRelaxable = wrong.every(({ relaxable }) => relaxable);
  return `${server}: set ${list.join(" and ")}${isRelaxable ? ", or DURABILITY=relaxed" : ""}`;
}
