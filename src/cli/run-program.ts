import { Command, type Option } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { flagsKeptByNpm } from "../config/npm.ts";
import { StartError } from "../errors.ts";

/** Commands by name, in the order in which the help lists them. The code of each is loaded only when it is needed. */
export type Commands = ReadonlyMap<string, () => Promise<Command>>;

/** One sentence about the ledger, for the help texts. */
export const LEDGER =
  "A ledger of balances with hard limits behind an HTTP API: accounts, transactions, holds, statements.";

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
  program.hook("preAction", (_, command) => refuseEmptyValues(command));

  try {
    refuseFlagsKeptByNpm(program, process.argv.slice(2));
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(`razonete: ${error.message}`);
    process.exit(error.exitCode);
  }
}

/** An empty value is mostly a variable that somebody forgot to set: `--data "$FOLDER"` is not the current folder. */
function refuseEmptyValues(command: Command): void {
  for (let each: Command | null = command; each !== null; each = each.parent) {
    for (const option of each.options) {
      if (each.getOptionValue(option.attributeName()) !== "") continue;
      command.error(`razonete: ${option.long} is empty: give it a value, or leave it out.`);
    }
  }
}

/** Without them the command would do something else than was asked: `npm run stack --fresh` would not be fresh. */
function refuseFlagsKeptByNpm(program: Command, args: readonly string[]): void {
  const given = (flag: string): boolean => args.some((arg) => arg === flag || arg.startsWith(`${flag}=`));
  for (const command of program.commands) {
    const options = optionsOf(command).filter(({ long }) => long !== undefined && !given(long));
    const { kept, script } = flagsKeptByNpm(options.map(({ long }) => long ?? ""));
    if (kept.length === 0) continue;
    const right = options.filter(({ long }) => kept.includes(long ?? "")).map(({ flags }) => flags);
    const name = script === "npm run razonete" ? `${command.name()} ` : "";
    command.error(
      `razonete: npm took ${kept.join(" and ")} for itself: put -- before, as in ${script} -- ${name}${right.join(" ")}.`,
    );
  }
}

function optionsOf(command: Command): Option[] {
  return [...command.options, ...command.commands.flatMap(optionsOf)];
}
