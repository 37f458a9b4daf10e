import { createChecker } from "./check/checker.ts";
import { ClusterUnderTest } from "./system/cluster-under-test.ts";
import { EmbeddedUnderTest } from "./system/embedded-under-test.ts";
import type { TortureDependencies } from "./options.ts";
import { planRound } from "./plan/plan-round.ts";

/** The parts of a torture of the real system. */
export const TORTURE_DEPENDENCIES: TortureDependencies = {
  startSystem: ({ embedded, folder, kinds: faultKinds, apis, writers, form, own, say }) =>
    embedded
      ? EmbeddedUnderTest.start({ folder, faultKinds })
      : ClusterUnderTest.start({
          folder,
          faultKinds,
          apis,
          writers,
          form,
          say,
          ...(own === undefined ? {} : { own }),
        }),
  planRound,
  createChecker,
};
