import type { LogFields } from "./log-fields.ts";

/**
 * Takes a line about what changed for whoever runs a process, and, for programs, what it is about. One that begins a time
 * in which something does not work names that as its `outage`.
 */
export type Report = (line: string, about?: LogFields) => void;
