import { createInterface } from "node:readline/promises";
import { StartError } from "../errors.ts";

/**
 * @param question to which yes or no is the answer
 * @param nothing what was not done if there is nobody to ask
 * @throws StartError if there is no terminal to ask at
 */
export async function ask(question: string, nothing: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new StartError(`${nothing}: nobody can be asked here; say --yes where that is what you want.`);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test(await terminal.question(`${question} (yes or no) `));
  } finally {
    terminal.close();
  }
}
