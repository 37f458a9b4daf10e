import type { Command } from "commander";
import { ENVIRONMENT } from "../config.ts";
import { readObserveConfig } from "../config/observe-config.ts";
import { type Log, openLog } from "../log/log.ts";

/** Of the commands that go on until they are stopped, and of what a stack starts. */
export const LOG_FORMAT_FLAG = [
  "--log-format <form>",
  "of the lines about what happens: people, or json, an object a line for programs (LOG_FORMAT, default people)",
] as const;

/**
 * Where a command says why it ends. In JSON that is all of it, also for a defect: what it prints by itself then would be
 * many lines.
 *
 * @throws StartError where a setting is wrong
 */
export function logOf(command: Command): Log {
  const isForPrograms = command.options.some(({ long }) => long === "--log-format");
  if (!isForPrograms) return openLog("razonete", "people");
  const { logFormat } = readObserveConfig(ENVIRONMENT, command.opts());
  const log = openLog("razonete", logFormat, `razonete ${command.name()}`);
  if (logFormat === "json") {
    const end = (error: unknown): never => {
      const stack = error instanceof Error ? (error.stack ?? null) : null;
      log.alarm(error instanceof Error ? `${error.name}: ${error.message}` : String(error), { stack });
      process.exit(1);
    };
    process.on("uncaughtException", end);
    process.on("unhandledRejection", end);
  }
  return log;
}
