/**
 * A command cannot start or continue, for a reason that its user can fix: a port in use, an unwritable folder.
 * The message is one sentence for that user. The command line prints it, without a stack trace, and exits with
 * `exitCode`.
 */
export class StartError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "StartError";
    this.exitCode = exitCode;
  }
}

/** The message of whatever was thrown: JavaScript can throw anything, and only an Error has a message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
