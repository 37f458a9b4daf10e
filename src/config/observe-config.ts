import { z } from "zod";
import type { TcpAddress } from "../http/server.ts";
import type { LogFormat } from "../log/log-fields.ts";
import type { TraceSettings } from "../traces/tracing.ts";
import { type Environment, host, optionalInteger, parse, setting } from "../settings.ts";

/** What every process of the ledger tells of itself, and where. */
export interface ObserveConfig {
  /** `null`: no port for metrics. */
  readonly metrics: TcpAddress | null;
  /** Of the monitoring of each NATS server, of which a writer tells; none: it does not. */
  readonly natsMonitorUrls: readonly string[];
  /** Of the certificate that clients are shown, of whose end a writer tells; `null`: it does not. */
  readonly certificateFile: string | null;
  readonly logFormat: LogFormat;
  /** Where traces go; `null`: nowhere. */
  readonly traces: TraceSettings | null;
}

/** The flags as the command line gives them: text, or nothing. */
export interface LogFlags {
  readonly logFormat?: string | undefined;
}

const SAMPLERS = ["parentbased_traceidratio", "traceidratio"] as const;

const observeSettings = z.object({
  METRICS_HOST: host(),
  METRICS_PORT: optionalInteger(0, 65_535),
  NATS_MONITOR_URL: z
    .string()
    .transform((text) => (text === "" ? [] : text.split(",")))
    .refine(
      (urls) => urls.every((url) => /^https?:\/\/[^/\s]/.test(url) && URL.canParse(url)),
      "must be a URL that begins with http:// or https://, or several with a comma and no space between them",
    ),
  METRICS_CERTIFICATE: z.string(),
  LOG_FORMAT: z.enum(["people", "json"], "must be people or json"),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .regex(/^$|^https?:\/\/[^/]/, "must be a URL that begins with http:// or https://"),
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS, `must be ${SAMPLERS.join(" or ")}`),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/, "must be a number from 0 to 1")
    .transform(Number),
});

/** @throws StartError that names every wrong setting */
export function readObserveConfig(environment: Environment, flags: LogFlags = {}): ObserveConfig {
  const given = {
    METRICS_HOST: setting(environment, "METRICS_HOST", "127.0.0.1"),
    METRICS_PORT: setting(environment, "METRICS_PORT"),
    NATS_MONITOR_URL: setting(environment, "NATS_MONITOR_URL"),
    METRICS_CERTIFICATE: setting(environment, "METRICS_CERTIFICATE"),
    LOG_FORMAT: setting(environment, "LOG_FORMAT", "people", { name: "--log-format", text: flags.logFormat }),
    OTEL_EXPORTER_OTLP_ENDPOINT: setting(environment, "OTEL_EXPORTER_OTLP_ENDPOINT"),
    OTEL_TRACES_SAMPLER: setting(environment, "OTEL_TRACES_SAMPLER", SAMPLERS[0]),
    OTEL_TRACES_SAMPLER_ARG: setting(environment, "OTEL_TRACES_SAMPLER_ARG", "0.01"),
  };
  const settings = parse(observeSettings, given);
  const { METRICS_HOST, METRICS_PORT, LOG_FORMAT, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = settings;
  const ratio = settings.OTEL_TRACES_SAMPLER_ARG;
  const followsParent = settings.OTEL_TRACES_SAMPLER === "parentbased_traceidratio";
  const from = { hostFrom: given.METRICS_HOST.from, portFrom: given.METRICS_PORT.from };
  return {
    metrics: METRICS_PORT === null ? null : { host: METRICS_HOST, port: METRICS_PORT, ...from },
    natsMonitorUrls: settings.NATS_MONITOR_URL,
    certificateFile: settings.METRICS_CERTIFICATE || null,
    logFormat: LOG_FORMAT,
    traces: endpoint === "" ? null : { endpoint, ratio, followsParent },
  };
}
