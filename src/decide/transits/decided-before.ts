import { bounds } from "../../bounds.ts";
import { type Command, isClientKey } from "../../ledger/command.ts";
import type { Answer, Prepared } from "../function-codec.ts";
import { withinTime } from "../nodes/within-time.ts";
import { isLookedUp, shardsOf } from "../prepare.ts";
import type { Shards } from "../shards.ts";

/** A command, with what was looked up for it; `null`: nothing was. */
interface LookedUp {
  readonly command: Command;
  readonly prepared: Prepared | null;
}

/**
 * How each of several commands was answered before: those of a batch that is sent again are known by one call for each
 * shard, where to decide them once more would take several calls for each, one after the other. Only those under a client's
 * key are asked for.
 *
 * @returns `null` in the place of one that is new, or whose home does not tell soon: to decide it will tell
 */
export async function decidedBefore(
  shards: Shards,
  commands: readonly LookedUp[],
): Promise<readonly (Answer | null)[]> {
  const answers = commands.map((): Answer | null => null);
  const asked = commands.flatMap(({ command, prepared }, place) => {
    if (!isRemembered(command) || (prepared === null && isLookedUp(command))) return [];
    const [home = 0] = shardsOf(command, shards.count());
    return { command, prepared: prepared ?? AS_IS, place, home };
  });
  await Promise.all(
    [...Map.groupBy(asked, ({ home }) => home)].map(async ([home, own]) => {
      const recalled = withinTime(shards.of(home).recall(own), bounds.recall_milliseconds_max);
      const told = await recalled.catch(() => []);
      for (const [index, { place }] of own.entries()) answers[place] = told[index] ?? null;
    }),
  );
  return answers;
}

function isRemembered(command: Command): boolean {
  return isClientKey(command.id) && !(command.type === "transaction" && command.isDryRun);
}

const AS_IS: Prepared = { type: "as-is" };
