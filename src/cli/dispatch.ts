import { Command } from "commander";
import { ENVIRONMENT } from "../config.ts";
import { readDispatchConfig } from "../config/dispatch-config.ts";
import { type LogFlags, readObserveConfig } from "../config/observe-config.ts";
import { runDispatch } from "../dispatch/run-dispatch.ts";
import { openLog } from "../log/log.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import { LOG_FORMAT_FLAG } from "./command-log.ts";
import { TLS_VARIABLES } from "./ledger-options.ts";

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
      ].join("\n"),
    )
    .action(dispatch);
}

async function dispatch({ data, untilInputEnds = false, ...flags }: DispatchFlags): Promise<void> {
  // What it writes is for its user alone.
  process.umask(0o077);
  const config = readDispatchConfig(ENVIRONMENT, data);
  const { logFormat } = readObserveConfig(ENVIRONMENT, flags);
  if (config.ledger.type === "books") await requireTrusted({ databaseUrl: config.ledger.databaseUrl });
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());
  if (untilInputEnds) process.stdin.on("end", () => stop.abort()).resume();
  await runDispatch(config, openLog("razonete dispatch", logFormat), stop.signal);
  process.exit(0);
}
