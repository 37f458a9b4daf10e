import { statSync } from "node:fs";
import { Command } from "commander";
import { buildExecutable } from "../build/build-executable.ts";
import { EXECUTABLE } from "../build/programs.ts";

export function buildCommand(): Command {
  return new Command("build")
    .description("make a single-file executable, with all commands but stack and build")
    .option("--out <file>", "where it goes", EXECUTABLE)
    .action(({ out }: { readonly out: string }) => {
      buildExecutable(out);
      console.log(`${out}: ${(statSync(out).size / 2 ** 20).toFixed(0)} MB`);
    });
}
