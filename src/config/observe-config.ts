import { z } from "zod";
import type { TcpAddress } from "../http/server.ts";
import type { LogFormat } from "../log/log-fields.ts";
import { type Environment, host, optionalInteger, parse, setting } from "../settings.ts";

/** What every process of the ledger tells of itself, and where. */
export interface ObserveConfig {
  /** `null`: no port for metrics. */
  readonly metrics: TcpAddress | null;
  readonly logFormat: LogFormat;
  /** Where traces go; `null`: nowhere. */
  readonly tracesUrl: string | null;
}

const observeSettings = z.object({
  METRICS_HOST: host(),
  METRICS_PORT: optionalInteger(0, 65_535),
  LOG_FORMAT: z.enum(["people", "json"], "must be people or json"),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .regex(/^$|^https?:\/\/[^/]/, "must be a URL that begins with http:// or https://"),
});

/** @throws StartError that names every wrong setting */
export function readObserveConfig(environment: Environment): ObserveConfig {
  const given = {
    METRICS_HOST: setting(environment, "METRICS_HOST", "127.0.0.1"),
    METRICS_PORT: setting(environment, "METRICS_PORT"),
    LOG_FORMAT: setting(environment, "LOG_FORMAT", "people"),
    OTEL_EXPORTER_OTLP_ENDPOINT: setting(environment, "OTEL_EXPORTER_OTLP_ENDPOINT"),
  };
  const { METRICS_HOST, METRICS_PORT, LOG_FORMAT, OTEL_EXPORTER_OTLP_ENDPOINT } = parse(
    observeSettings,
    given,
  );
  const from = { hostFrom: given.METRICS_HOST.from, portFrom: given.METRICS_PORT.from };
  return {
    metrics: METRICS_PORT === null ? null : { host: METRICS_HOST, port: METRICS_PORT, ...from },
    logFormat: LOG_FORMAT,
    tracesUrl: OTEL_EXPORTER_OTLP_ENDPOINT || null,
  };
}
