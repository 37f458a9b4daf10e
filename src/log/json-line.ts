import type { LogFields } from "./log-fields.ts";

export type Level = "info" | "warn" | "alarm";

/**
 * A line of a log for a program: one JSON object, without a line break in it.
 *
 * @param program which of the processes says it
 */
export function jsonLine(
  program: string,
  level: Level,
  message: string,
  about: LogFields = {},
  now: Date = new Date(),
): string {
  const own = { time: now.toISOString(), level, program, message: withoutPasswords(message) };
  // First, so that they stand first; and last, so that nothing stands in for them.
  return JSON.stringify({ ...own, ...about, ...own });
}

/**
 * Logs are read by more people than may know the servers' passwords, and what a server or a library says may have its URL
 * in it.
 */
function withoutPasswords(text: string): string {
  return text.replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s/@]+@/gi, "$1:***@");
}
