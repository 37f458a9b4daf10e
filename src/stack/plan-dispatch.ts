import type { ProcessPlan } from "./stack-plan.ts";
import { alwaysReady } from "./probes.ts";

/** Plans the dispatchers of a stack: one works, the others wait to take over. */
export function planDispatchers(
  count: number,
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): readonly ProcessPlan[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `dispatch-${index + 1}`,
    kind: "dispatch" as const,
    command,
    environment,
    probe: alwaysReady,
  }));
}
