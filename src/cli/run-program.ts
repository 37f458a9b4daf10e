import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { StartError } from "../errors.ts";

/** Commands by name, in the order in which the help lists them; each brings its code along when it is wanted. */
export type Commands = ReadonlyMap<string, () => Promise<Command>>;

/** Runs the command that the command line names, out of those that this program has. */
export async function runProgram(commands: Commands): Promise<void> {
  const program = new Command("razonete")
    .description("An account ledger behind an HTTP API: balances with a credit limit that is never passed.")
    .version(packageJson.version)
    .showHelpAfterError("(--help shows what is possible)");

  // Only the command that is wanted: what the others bring along would cost a server 20 MB that it never uses.
  const wanted = commands.get(process.argv[2] ?? "");
  for (const load of wanted === undefined ? commands.values() : [wanted]) program.addCommand(await load());

  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(`razonete: ${error.message}`);
    process.exit(error.exitCode);
  }
}
