import { Command } from "commander";
import { bounds } from "../bounds.ts";
import { ENVIRONMENT } from "../config.ts";
import { type DispatchConfig, readDispatchConfig } from "../config/dispatch-config.ts";
import { type LogFlags, readObserveConfig } from "../config/observe-config.ts";
import { runDispatch } from "../dispatch/run-dispatch.ts";
import type { TcpAddress } from "../http/server.ts";
import { openLog } from "../log/log.ts";
import type { MetricsServer } from "../metrics/metrics-server.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import { openTracing } from "../traces/open-tracing.ts";
import { LOG_FORMAT_FLAG } from "./command-log.ts";
import { METRICS_VARIABLES, TLS_VARIABLES, TRACE_VARIABLES } from "./ledger-options.ts";

interface DispatchFlags extends LogFlags {
  readonly data?: string;
  readonly untilInputEnds?: boolean;
}

export function dispatchCommand(): Command {
  return new Command("dispatch")
    .description("send webhooks, and follow watches; several may run, one of them is active")
    .option("--data <folder>", "of the embedded ledger in this folder; razonete serve runs it by itself")
    .option("--until-input-ends", "end when standard input does, as with the process that started this one")
    .option(...LOG_FORMAT_FLAG)
    .addHelpText(
      "after",
      [
        "",
        "Settings, from the environment:",
        "  DATABASE_URL       the books in PostgreSQL, without --data",
        ...TLS_VARIABLES,
        "  WEBHOOK_INNER      allow lets webhooks go to addresses inside the network, and without TLS (default refuse)",
        "  WEBHOOK_CA_FILE    a PEM file of further CAs that targets' certificates may be from",
        ...METRICS_VARIABLES,
        ...TRACE_VARIABLES,
      ].join("\n"),
    )
    .action(dispatch);
}

async function dispatch({ data, untilInputEnds = false, ...flags }: DispatchFlags): Promise<void> {
  // What it writes is for its user alone.
  process.umask(0o077);
  const config = readDispatchConfig(ENVIRONMENT, data);
  const { logFormat, metrics, traces } = readObserveConfig(ENVIRONMENT, flags);
  if (config.ledger.type === "books") await requireTrusted({ databaseUrl: config.ledger.databaseUrl });
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());
  if (untilInputEnds) process.stdin.on("end", () => endSoon(stop)).resume();
  const role = { isActive: false };
  const observed = metrics === null ? null : await observe(metrics, config, role);
  const tracing = await openTracing("dispatch", traces);
  await runDispatch(config, openLog("razonete dispatch", logFormat), stop.signal, role, tracing);
  await Promise.all([observed?.stop(), tracing?.close()]);
  process.exit(0);
}

/**
 * The process that started this one is gone, perhaps killed, and may be back before a target that hangs has answered: its
 * next dispatcher waits for the lock that this one has.
 */
function endSoon(stop: AbortController): void {
  stop.abort();
  setTimeout(() => process.exit(0), bounds.dispatch_stop_milliseconds).unref();
}

/** Of an embedded ledger the server tells. */
async function observe(
  address: TcpAddress,
  { ledger }: DispatchConfig,
  role: { readonly isActive: boolean },
): Promise<MetricsServer | null> {
  if (ledger.type !== "books") return null;
  const { observeDispatch } = await import("../metrics/observe-dispatch.ts");
  return observeDispatch(address, { databaseUrl: ledger.databaseUrl, isActive: () => role.isActive });
}
