#!/usr/bin/env -S bun --no-env-file --config=/dev/null
import { type Commands, runProgram } from "../../src/cli/run-program.ts";

/** The commands that show that the ledger is correct and fast. Each is an npm script of the same name. */
const COMMANDS: Commands = new Map([
  ["rinha", async () => (await import("./rinha.ts")).rinhaCommand()],
  ["contest", async () => (await import("./contest.ts")).contestCommand()],
  ["torture", async () => (await import("./torture.ts")).tortureCommand()],
  ["bench", async () => (await import("./bench.ts")).benchCommand()],
]);

await runProgram("npm run", "What shows that the ledger is right and fast.", COMMANDS);
