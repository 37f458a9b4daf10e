#!/usr/bin/env -S bun --no-env-file --config=/dev/null
import { type Commands, LEDGER, runProgram } from "./run-program.ts";

const COMMANDS: Commands = new Map([
  ["serve", async () => (await import("./serve.ts")).serveCommand()],
  ["stack", async () => (await import("./stack.ts")).stackCommand()],
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
  ["audit", async () => (await import("./audit.ts")).auditCommand()],
  ["redis-join", async () => (await import("./redis-nodes.ts")).redisJoinCommand()],
  ["redis-guard", async () => (await import("./redis-nodes.ts")).redisGuardCommand()],
  ["build", async () => (await import("./build.ts")).buildCommand()],
]);

await runProgram("razonete", LEDGER, COMMANDS);
