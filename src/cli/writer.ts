import { Command } from "commander";
import { ENVIRONMENT, readInitConfig, readWriterConfig } from "../config.ts";
import { type LogFlags, readObserveConfig } from "../config/observe-config.ts";
import { functionLibrary } from "../decide/function-library.ts";
import { Divergence, DIVERGENCE_EXIT_CODE, noteDivergence } from "../keep/divergence.ts";
import { initialise } from "../keep/init.ts";
import { Writer } from "../keep/writer.ts";
import { StartError } from "../errors.ts";
import { openLog } from "../log/log.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import { openTracing } from "../traces/open-tracing.ts";
import { LOG_FORMAT_FLAG } from "./command-log.ts";
import { METRICS_VARIABLES, REPLICA_VARIABLES, TLS_VARIABLES, TRACE_VARIABLES } from "./ledger-options.ts";

export function writerCommand(): Command {
  return new Command("writer")
    .description("keep in PostgreSQL what Redis has decided; several may run, one of them is active")
    .option("--init", "first do what `razonete init` does, where no process of its own is to do it", false)
    .option(...LOG_FORMAT_FLAG)
    .addHelpText(
      "after",
      "\nEnvironment: DATABASE_URL, REDIS_URL, NATS_URL; with --init also what razonete init has.\n" +
        `${[...REPLICA_VARIABLES, ...TLS_VARIABLES, ...METRICS_VARIABLES].join("\n")}\n` +
        "  NATS_MONITOR_URL    http://..., of NATS's monitoring, and\n" +
        "  METRICS_CERTIFICATE a file with the certificate that clients are shown: it tells of these, too\n" +
        `${TRACE_VARIABLES.join("\n")}\n` +
        "DURABILITY=relaxed keeps in a PostgreSQL that does not fsync before it answers (default strict).\n" +
        `Ends with code ${DIVERGENCE_EXIT_CODE} where the books and the outbox differ: a person has to look.`,
    )
    .action(write);
}

async function write({ init, ...flags }: LogFlags & { readonly init: boolean }): Promise<void> {
  const config = readWriterConfig();
  const observe = readObserveConfig(ENVIRONMENT, flags);
  await requireTrusted(config);
  // Before the signal handlers: `initialise` may be killed at any moment, and the next one completes it.
  if (init) await initialise({ ...readInitConfig(), library: functionLibrary });
  const tracing = await openTracing("writer", observe.traces);
  const writer = new Writer(config, openLog("razonete writer", observe.logFormat).report, tracing);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => writer.stop());
  if (observe.metrics !== null) {
    const { observeWriter } = await import("../metrics/observe-writer.ts");
    const { measures } = writer;
    const { databaseUrl } = config;
    observeWriter(observe.metrics, { ...observe, databaseUrl, measures, active: () => writer.active });
  }
  try {
    await writer.run();
  } catch (error) {
    if (!(error instanceof Divergence)) throw error;
    await noteDivergence(config.databaseUrl, error);
    // Where a whole batch is missing, the message says what to do itself.
    const wayOn =
      error.account === null
        ? ""
        : " razonete audit names what differs; where the journal is whole, razonete rebuild makes the books anew from it; " +
          'docs/operations.md, "After an alarm", says how to go on.';
    throw new StartError(
      `ALARM: ${error.message}. The writer stops, and nothing of it was kept: what was answered waits in Redis.${wayOn}`,
      DIVERGENCE_EXIT_CODE,
    );
  }
  await tracing?.close();
  process.exit(0);
}
