import type { Sql } from "../postgres-client.ts";

/**
 * That standbys have on their disks what the books show.
 *
 * A commit becomes visible once standbys have it; but after a crash, or a restart, PostgreSQL shows those that were still
 * waiting, too, and then nobody has them but this one server. So does a commit whose wait somebody has cancelled. Whoever
 * would remove something because the books have it, and has only read that they have, commits something itself before: a
 * standby confirms in order, so that confirms all before it. It also shows that this server is not a former primary, which
 * no standby follows any more.
 */

/** The first key of the locks, "Razp". Beside LOCK_CLASS, so that they are never a leader's. */
const PROOF_LOCK_CLASS = 0x52617a70;

/**
 * Commits something that changes no row, on the pool's session, and resolves when standbys have confirmed it, as its
 * settings have it.
 *
 * While no standby confirms anything it does not resolve, and PostgreSQL keeps the session waiting after its client has gone.
 * So a second one does not wait behind it: otherwise each attempt would leave another session.
 *
 * @param lock one of its kind waits at a time
 * @throws Error if an earlier one still waits
 */
export async function commitOnStandbys(sql: Sql, lock: number): Promise<void> {
  const [row] = await sql<{ committed: string | null }[]>`
    SELECT CASE WHEN pg_try_advisory_xact_lock(${PROOF_LOCK_CLASS}::int, ${lock}::int)
      THEN pg_logical_emit_message(true, 'razonete', 'confirmed')::text END AS committed`;
  if (row?.committed === null) throw new Error("no standby confirms what it has committed");
}

/**
 * Whether PostgreSQL says with a notice that it has committed without waiting for standbys to the end, as where somebody
 * cancels the session that waits.
 */
export function isCancelledWait(notice: { readonly routine?: string | undefined }): boolean {
  return notice.routine === "SyncRepWaitForLSN";
}
