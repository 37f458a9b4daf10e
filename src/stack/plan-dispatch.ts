import { metricsSettings } from "./metrics-targets.ts";
import type { OtherPorts } from "./ports.ts";
import { alwaysReady, type Probe } from "./probes.ts";

interface DispatcherPlan {
  readonly name: string;
  readonly kind: "dispatch";
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly probe: Probe;
}

/** Of the options of a stack. */
interface DispatcherOptions {
  readonly dispatchers?: number;
  readonly own: { readonly dispatch: readonly string[] };
  readonly otherPorts?: OtherPorts | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly ownEnvironment: Readonly<Record<string, string>>;
}

/** Plans the dispatchers of a stack: one works, the others wait to take over. */
export function planDispatchers(
  { dispatchers = 0, own, otherPorts = null, environment, ownEnvironment }: DispatcherOptions,
  databaseUrl: string,
): readonly DispatcherPlan[] {
  return Array.from({ length: dispatchers }, (_, index) => {
    const name = `dispatch-${index + 1}`;
    return {
      name,
      kind: "dispatch" as const,
      command: own.dispatch,
      environment: {
        ...environment,
        ...ownEnvironment,
        ...metricsSettings(name, otherPorts),
        DATABASE_URL: databaseUrl,
      },
      probe: alwaysReady,
    };
  });
}
