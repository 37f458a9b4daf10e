import { bounds } from "../bounds.ts";

/** What the help says of `--no-initial-accounts`. */
export const NO_INITIAL_ACCOUNTS = "begin without the contest's accounts 1 to 5; those that are there stay";

/** What the help says of `--open`. */
export const OPEN_OPTION = "ask for no access key, wherever it listens";

/** What the help says of the variable OPEN. */
export const OPEN_VARIABLE: readonly string[] = [
  "  OPEN               who needs no access key: 0, nobody, but everyone on loopback or a unix socket until the first",
  "                     key is made (default); until-keys, everyone everywhere until then; 1, everyone for good",
];

/** What the help of a cluster's processes says of metrics. */
export const METRICS_VARIABLES: readonly string[] = [
  "  METRICS_HOST, METRICS_PORT",
  "                      where GET /metrics tells Prometheus what it does (default 127.0.0.1, and no port: nowhere)",
];

/** For both shapes. */
export const TLS_CERT_FLAG = [
  "--tls-cert <file>",
  "serve HTTPS with this certificate, in PEM (TLS_CERT)",
] as const;
export const TLS_KEY_FLAG = [
  "--tls-key <file>",
  "its private key, in PEM; both are read again when they change (TLS_KEY)",
] as const;

/** What the help says of TLS with the cluster's servers. */
export const TLS_VARIABLES: readonly string[] = [
  "  CA_FILE            the CAs, in PEM, that the servers' certificates may be from, where a URL asks for TLS:",
  "                     rediss://, tls:// and ?sslmode=verify-full; a URL may name its own as ?sslrootcert=",
];

/** What the help says of a Redis Cluster. */
export const REPLICA_VARIABLES: readonly string[] = [
  "  MIN_REPLICAS       replicas that confirm what Redis decided before it counts (default 1 where REDIS_URL is",
  "                     redis-cluster://..., with one Redis 0)",
];

/** What the help says of traces. */
export const TRACE_VARIABLES: readonly string[] = [
  "  OTEL_EXPORTER_OTLP_ENDPOINT",
  "                     a collector that traces go to; without it nowhere. OTEL_TRACES_SAMPLER_ARG is the share of requests",
  "                     that are traced (default 0.01)",
];

/** What the help says of the variables that a ledger of either shape has. */
export const LEDGER_VARIABLES: readonly string[] = [
  "  INITIAL_ACCOUNTS   none begins without the contest's accounts 1 to 5, which have credit limits (default contest);",
  "                     those that are there stay",
  `  IDEMPOTENCY_HOURS  how long an Idempotency-Key is remembered, 1 to ${bounds.idempotency_hours_max} (default as it was set before, at first 24);`,
  "                     a key keeps what was set when it was first used",
];
