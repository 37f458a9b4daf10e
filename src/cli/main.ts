#!/usr/bin/env bun
import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { StartError } from "../errors.ts";

/** In the order in which the help lists them. */
const COMMANDS = new Map<string, () => Promise<Command>>([
  ["serve", async () => (await import("./serve.ts")).serveCommand()],
  ["stack", async () => (await import("./stack.ts")).stackCommand()],
  ["init", async () => (await import("./init.ts")).initCommand()],
  ["restore", async () => (await import("./restore.ts")).restoreCommand()],
  ["api", async () => (await import("./api.ts")).apiCommand()],
  ["writer", async () => (await import("./writer.ts")).writerCommand()],
  ["audit", async () => (await import("./audit.ts")).auditCommand()],
  ["rinha", async () => (await import("./rinha.ts")).rinhaCommand()],
  ["torture", async () => (await import("./torture.ts")).tortureCommand()],
  ["bench", async () => (await import("./bench.ts")).benchCommand()],
]);

const program = new Command("razonete")
  .description("An account ledger behind an HTTP API: balances with a credit limit that is never passed.")
  .version(packageJson.version)
  .showHelpAfterError("(--help shows what is possible)");

// Only the command that is wanted: what the others bring along would cost a server 20 MB that it never uses.
const wanted = COMMANDS.get(process.argv[2] ?? "");
for (const load of wanted === undefined ? COMMANDS.values() : [wanted]) program.addCommand(await load());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(`razonete: ${error.message}`);
  process.exit(error.exitCode);
}
