import { bearerOf, type Command } from "../../ledger/command.ts";
import { contentHash } from "../../ledger/content-hash.ts";
import { argumentsOf, type Prepared } from "../function-codec.ts";

/** What a call of razonete_apply has for the commands of clients. */

/** A command, with what it becomes for the function. */
export interface PreparedCommand {
  readonly command: Command;
  readonly prepared: Prepared;
}

/** Commands that are decided as a whole; or a single one. */
export interface Request {
  readonly commands: readonly PreparedCommand[];
  readonly isGroup: boolean;
}

/** Behind epoch, g and the bound of the outbox. */
export function argumentsOfCall(requests: readonly Request[]): string[] {
  const args: string[] = [];
  for (const { commands, isGroup } of requests) {
    if (isGroup) args.push(...groupBegins(commands));
    for (const { command, prepared } of commands) args.push(...argumentsOf(command, prepared));
    if (isGroup) args.push(...GROUP_ENDS);
  }
  const names = namesOf(requests);
  if (names !== null) args.push(names);
  return args;
}

export function countOf(requests: readonly Request[]): number {
  let count = 0;
  for (const { commands } of requests) count += commands.length;
  return count;
}

/** Of each request its first command, by which traces know the request. */
export function firstOf(requests: readonly Request[]): (Command | undefined)[] {
  return requests.map(({ commands: [first] }) => first?.command);
}

/** What deciding it costs Redis, about, in transactions of the contest's route. */
export function weightOf({ commands }: Request): number {
  let weight = 0;
  for (const command of commands) weight += weightOfOne(command);
  return weight;
}

function weightOfOne({ command, prepared }: PreparedCommand): number {
  if (prepared.type === "reversal") return 1 + prepared.postings.length;
  if (command.type === "transact") return 1;
  if (command.type === "transaction") return 1 + command.postings.length;
  return command.type === "capture" ? 2 + (command.parts?.length ?? 1) : 2;
}

/** The names of the access keys that the commands came with, as razonete_apply takes them; `null` where none did. */
function namesOf(requests: readonly Request[]): string | null {
  if (requests.every(({ commands }) => commands.every(({ command }) => command.by === undefined)))
    return null;
  const names = requests.flatMap(({ commands, isGroup }) => {
    const own = commands.map(({ command }) => command.by ?? "-");
    if (!isGroup) return own;
    return [bearerOf(commands.map(({ command }) => command))?.by ?? "-", ...own, "-"];
  });
  return names.join(" ");
}

/** With the key that stands for all of it, if there is one. */
function groupBegins(commands: readonly PreparedCommand[]): readonly string[] {
  const bearer = bearerOf(commands.map(({ command }) => command));
  return bearer === null ? ["[", "", "", "", "", ""] : ["[", bearer.id, "", "", contentHash(bearer), ""];
}

const GROUP_ENDS = ["]", "", "", "", "", ""];
