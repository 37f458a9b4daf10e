import { type Level, jsonLine } from "./json-line.ts";
import type { LogFields, LogFormat } from "./log-fields.ts";
import type { Report } from "./report.ts";

type Say = (line: string, about?: LogFields) => void;

/** Lines about what happens, to standard error. What a program answers, or shows at its start, is not among them. */
export interface Log {
  readonly format: LogFormat;
  /** As it should be. */
  readonly say: Say;
  /** Not as it should be; it may pass by itself. */
  readonly warn: Say;
  /** A person has to look. */
  readonly alarm: Say;
  /** A change of state: a warning where it begins an outage. */
  readonly report: Report;
}

/**
 * @param program what lines for people begin with: "razonete", "razonete writer"
 * @param process the same where programs read them, who want to know each kind of process; default: as for people
 */
export function openLog(program: string, format: LogFormat, process: string = program): Log {
  const writer = (level: Level): Say =>
    format === "json"
      ? (line, about) => console.error(jsonLine(process, level, line, about))
      : (line) => console.error(`${program}: ${line}`);
  const [say, warn, alarm] = [writer("info"), writer("warn"), writer("alarm")];
  const report: Report = (line, about) => (about?.["outage"] === undefined ? say : warn)(line, about);
  return { format, say, warn, alarm, report };
}
