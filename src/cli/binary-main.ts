import { type Commands, LEDGER, runProgram } from "./run-program.ts";

/**
 * The entry point of the single-file executable that `npm run build` makes. It has the commands for a machine that
 * serves. The other commands need files of the repository.
 */
const COMMANDS: Commands = new Map([
  ["serve", async () => (await import("./serve.ts")).serveCommand()],
  ["init", async () => (await import("./init.ts")).initCommand()],
  ["keys", async () => (await import("./keys.ts")).keysCommand()],
  ["backup", async () => (await import("./backup.ts")).backupCommand()],
  ["restore", async () => (await import("./restore.ts")).restoreCommand()],
  ["rebuild", async () => (await import("./rebuild.ts")).rebuildCommand()],
  ["api", async () => (await import("./api.ts")).apiCommand()],
  ["console", async () => (await import("./console.ts")).consoleCommand()],
  ["writer", async () => (await import("./writer.ts")).writerCommand()],
  ["dispatch", async () => (await import("./dispatch.ts")).dispatchCommand()],
  ["export", async () => (await import("./export.ts")).exportCommand()],
  ["redis-join", async () => (await import("./redis-nodes.ts")).redisJoinCommand()],
  ["redis-guard", async () => (await import("./redis-nodes.ts")).redisGuardCommand()],
  ["audit", async () => (await import("./audit.ts")).auditCommand()],
]);

await runProgram("razonete", LEDGER, COMMANDS);
