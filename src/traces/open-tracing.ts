import type { Tracing, TraceSettings } from "./tracing.ts";

/**
 * OpenTelemetry is loaded only where traces are collected: it takes some megabytes.
 *
 * @param program the kind of process, as a collector shows it
 */
export async function openTracing(program: string, settings: TraceSettings | null): Promise<Tracing | null> {
  if (settings === null) return null;
  const { OtelTracing } = await import("./otel.ts");
  return new OtelTracing(program, settings);
}
