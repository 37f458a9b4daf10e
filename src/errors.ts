/**
 * A command cannot start or go on, for a reason that its user can mend: a port in use, an unwritable folder.
 * The message is one sentence for that person. The command line prints it, without a stack, and ends with `exitCode`.
 */
export class StartError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "StartError";
    this.exitCode = exitCode;
  }
}

/** What was thrown, as text: anything may be thrown, and only an Error has a message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
