import { type Commands, LEDGER, runProgram } from "./run-program.ts";

/**
 * What `npm run build` makes the single-file executable of: the commands that a machine needs which serves. The
 * others start servers from files of the repository, or measure, and belong to it.
 */
const COMMANDS: Commands = new Map([
  ["serve", async () => (await import("./serve.ts")).serveCommand()],
  ["init", async () => (await import("./init.ts")).initCommand()],
  ["restore", async () => (await import("./restore.ts")).restoreCommand()],
  ["api", async () => (await import("./api.ts")).apiCommand()],
  ["writer", async () => (await import("./writer.ts")).writerCommand()],
  ["audit", async () => (await import("./audit.ts")).auditCommand()],
]);

await runProgram("razonete", LEDGER, COMMANDS);
