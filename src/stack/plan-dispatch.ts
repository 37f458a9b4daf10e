import { alwaysReady, type Probe } from "./probes.ts";

interface DispatcherPlan {
  readonly name: string;
  readonly kind: "dispatch";
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly probe: Probe;
}

/** Plans the dispatchers of a stack: one works, the others wait to take over. */
export function planDispatchers(
  count: number,
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): readonly DispatcherPlan[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `dispatch-${index + 1}`,
    kind: "dispatch" as const,
    command,
    environment,
    probe: alwaysReady,
  }));
}
