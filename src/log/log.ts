import type { LogFields, LogFormat } from "./log-fields.ts";

type Say = (line: string, about?: LogFields) => void;

/** Lines about what happens, to standard error. What a program answers, or shows at its start, is not among them. */
export interface Log {
  /** As it should be. */
  readonly say: Say;
  /** Not as it should be; it may pass by itself. */
  readonly warn: Say;
  /** A person has to look. */
  readonly alarm: Say;
}

/** @param program what lines begin with: "razonete", "razonete writer" */
export function openLog(program: string, _format: LogFormat): Log {
  const write = (line: string): void => console.error(`${program}: ${line}`);
  return { say: write, warn: write, alarm: write };
}
