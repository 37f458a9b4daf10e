#!/usr/bin/env bun
import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { StartError } from "../start-error.ts";
import { rinhaCommand } from "./rinha.ts";

const program = new Command("razonete")
  .description("An account ledger behind an HTTP API: balances with a credit limit that is never passed.")
  .version(packageJson.version)
  .showHelpAfterError("(--help shows what is possible)");
program.addCommand(rinhaCommand());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(`razonete: ${error.message}`);
  process.exit(error.exitCode);
}
