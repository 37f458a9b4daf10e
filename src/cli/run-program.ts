import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { StartError } from "../errors.ts";

/** Commands by name, in the order in which the help lists them; each brings its code along when it is wanted. */
export type Commands = ReadonlyMap<string, () => Promise<Command>>;

/** What the ledger is, for the help of its programs. */
export const LEDGER =
  "An account ledger behind an HTTP API: balances with a credit limit that is never passed.";

/**
 * Runs the command that the command line names, out of those that this program has.
 *
 * @param name how the program is called, as its help says
 */
export async function runProgram(name: string, description: string, commands: Commands): Promise<void> {
  const program = new Command(name)
    .description(description)
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
