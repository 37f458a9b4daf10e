#!/usr/bin/env bun
import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { StartError } from "../start-error.ts";
import { apiCommand } from "./api.ts";
import { benchCommand } from "./bench.ts";
import { initCommand } from "./init.ts";
import { rinhaCommand } from "./rinha.ts";
import { serveCommand } from "./serve.ts";
import { stackCommand } from "./stack.ts";
import { writerCommand } from "./writer.ts";

const program = new Command("razonete")
  .description("An account ledger behind an HTTP API: balances with a credit limit that is never passed.")
  .version(packageJson.version)
  .showHelpAfterError("(--help shows what is possible)")
  .addCommand(serveCommand())
  .addCommand(stackCommand())
  .addCommand(initCommand())
  .addCommand(apiCommand())
  .addCommand(writerCommand())
  .addCommand(rinhaCommand())
  .addCommand(benchCommand());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(`razonete: ${error.message}`);
  process.exit(error.exitCode);
}
