import { z } from "zod";
import type { TcpAddress } from "../http/server.ts";
import type { LogFormat } from "../log/log-fields.ts";
import { type Environment, host, optionalInteger, parse, setting } from "../settings.ts";

/** What every process of the ledger tells of itself, and where. */
export interface ObserveConfig {
  /** `null`: no port for metrics. */
  readonly metrics: TcpAddress | null;
  /** Of NATS's monitoring, which a writer tells of; `null`: it does not. */
  readonly natsMonitorUrl: string | null;
  /** Of the certificate that clients are shown, of whose end a writer tells; `null`: it does not. */
  readonly certificateFile: string | null;
  readonly logFormat: LogFormat;
  /** Where traces go; `null`: nowhere. */
  readonly tracesUrl: string | null;
}

const observeSettings = z.object({
  METRICS_HOST: host(),
  METRICS_PORT: optionalInteger(0, 65_535),
  NATS_MONITOR_URL: z
    .string()
    .regex(/^$|^https?:\/\/[^/]/, "must be a URL that begins with http:// or https://"),
  METRICS_CERTIFICATE: z.string(),
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
    NATS_MONITOR_URL: setting(environment, "NATS_MONITOR_URL"),
    METRICS_CERTIFICATE: setting(environment, "METRICS_CERTIFICATE"),
    LOG_FORMAT: setting(environment, "LOG_FORMAT", "people"),
    OTEL_EXPORTER_OTLP_ENDPOINT: setting(environment, "OTEL_EXPORTER_OTLP_ENDPOINT"),
  };
  const settings = parse(observeSettings, given);
  const { METRICS_HOST, METRICS_PORT, LOG_FORMAT, OTEL_EXPORTER_OTLP_ENDPOINT } = settings;
  const from = { hostFrom: given.METRICS_HOST.from, portFrom: given.METRICS_PORT.from };
  return {
    metrics: METRICS_PORT === null ? null : { host: METRICS_HOST, port: METRICS_PORT, ...from },
    natsMonitorUrl: settings.NATS_MONITOR_URL || null,
    certificateFile: settings.METRICS_CERTIFICATE || null,
    logFormat: LOG_FORMAT,
    tracesUrl: OTEL_EXPORTER_OTLP_ENDPOINT || null,
  };
}
