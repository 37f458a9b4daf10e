import type { Findings } from "../audit/findings.ts";
import { StartError } from "../errors.ts";

/** @throws StartError if the journal's chain is broken: what it makes would not be what was decided */
export function refuseBroken({ listed, count }: Findings): void {
  if (count === 0) return;
  const more = count === 1 ? "" : `; razonete audit names ${count - 1} more`;
  throw new StartError(
    `the journal is broken (${listed[0]?.name}: ${listed[0]?.detail}${more}), so nothing is made of it: ` +
      "put back a backup.",
  );
}
