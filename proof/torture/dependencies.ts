import { createChecker } from "./check/checker.ts";
import { ClusterStage } from "./system/cluster-under-test.ts";
import { EmbeddedStage } from "./system/embedded-under-test.ts";
import type { TortureParts } from "./options.ts";
import { planRound } from "./plan/plan-round.ts";

/** What a torture of the real system is put together from. */
export const TORTURE_PARTS: TortureParts = {
  startStage: ({ embedded, folder, kinds: faultKinds, apis, writers, own, say }) =>
    embedded
      ? EmbeddedStage.start({ folder, faultKinds })
      : ClusterStage.start({ folder, faultKinds, apis, writers, say, ...(own === undefined ? {} : { own }) }),
  planRound,
  createChecker,
};
