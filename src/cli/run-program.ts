import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { StartError } from "../errors.ts";

/** Commands by name, in the order in which the help lists them. The code of each is loaded only when it is needed. */
export type Commands = ReadonlyMap<string, () => Promise<Command>>;

/** One sentence about the ledger, for the help texts. */
export const LEDGER =
  "An account ledger behind an HTTP API: balances with a credit limit that is never passed.";

/**
 * Runs the command that is named on the command line.
 *
 * @param name the name of the program in its help
 */
export async function runProgram(name: string, description: string, commands: Commands): Promise<void> {
  const program = new Command(name)
    .description(description)
    .version(packageJson.version)
    .showHelpAfterError("(--help shows what is possible)");

  // Only the wanted command is loaded: the code of the others would cost a server 20 MB that it never uses.
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
