/** What a session is told of the settings by which a commit waits for standbys. */
export interface StandbySettings {
  readonly synchronous_standby_names: string;
  readonly synchronous_commit: string;
}

/**
 * Why a commit does not wait until `standbys_min` standbys have it on their disks, for a person; null if it does. Nothing
 * waives it: who does without standbys asks for none.
 */
export function standbyFault(
  { synchronous_standby_names: names, synchronous_commit: commit }: StandbySettings,
  standbys_min: number,
): string | null {
  if (standbys_min === 0) return null;
  if (standbysWaitedFor(names) < standbys_min)
    return (
      `PostgreSQL does not wait for ${standbys_min === 1 ? "a standby" : `${standbys_min} standbys`}, which MIN_STANDBYS ` +
      `asks for: set synchronous_standby_names to 'ANY ${standbys_min} (...)' with their names (it is '${names}')`
    );
  // With remote_write a standby has not fsynced yet, with local it is not asked.
  if (commit !== "on" && commit !== "remote_apply")
    return `PostgreSQL does not wait for the disk of a standby: set synchronous_commit on (it is ${commit})`;
  return null;
}

/**
 * For how many standbys a commit waits, by synchronous_standby_names: "FIRST 2 (a, b, c)", "ANY 1 (a, b)", "2 (a, b)", or
 * a bare list, which is for one of its servers. Empty: for none.
 */
export function standbysWaitedFor(names: string): number {
  if (names.trim() === "") return 0;
  const counted = /^\s*(?:(?:FIRST|ANY)\s+)?(\d+)\s*\(/i.exec(names);
  return counted === null ? 1 : Number(counted[1]);
}
