import { expect } from "bun:test";
import { eventually } from "../../support/eventually.ts";

const WITHIN_MILLISECONDS = 5_000;
/** A machine that stands still stands still for the test, too: a longer time between two looks is not the server's. */
const LOOK_MILLISECONDS_MAX = 100;

/** As {@link eventually}, within the 5 s in which what was made or revoked has to count. */
export async function within5Seconds(
  what: string,
  condition: () => boolean | Promise<boolean>,
  describe: () => unknown = () => "",
): Promise<void> {
  let waited = 0;
  let lookedAt = performance.now();
  const look = (): boolean | Promise<boolean> => {
    const now = performance.now();
    waited += Math.min(now - lookedAt, LOOK_MILLISECONDS_MAX);
    lookedAt = now;
    return condition();
  };
  await eventually(what, look, describe);
  expect([what, waited < WITHIN_MILLISECONDS ? "within 5 s" : waited]).toEqual([what, "within 5 s"]);
}
