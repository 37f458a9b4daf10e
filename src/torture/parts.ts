import { StartError } from "../errors.ts";
import type { TortureParts } from "./options.ts";

/** What a torture of the real system is put together from. */
export const TORTURE_PARTS: TortureParts = {
  startStage: () => Promise.reject(new StartError("the stage is not joined yet", 2)),
  planRound: () => [],
  createChecker: () => {
    throw new StartError("the checker is not joined yet", 2);
  },
};
