import type { Asked, Command, Commands, Place } from "./command-registry.ts";
import { type Appeared, isInitial } from "./kept-rows-check.ts";
import type { Findings } from "./round-violations.ts";
import type { ChangeMade } from "./linearizability.ts";
import { askedWords, entryWords } from "./violation-text.ts";

/** Brings commands and their changes in the books together. */

/** @returns the command whose change it is, if it was not found before */
export function placeChange(
  appeared: Appeared,
  commands: Commands,
  round: number,
  findings: Findings,
): Asked | null {
  const asked = askedFor(appeared, commands);
  if (asked === undefined) {
    const isExpected = appeared.type === "opening" && isInitial(appeared.row);
    if (!isExpected)
      findings.add("unasked", `Nobody asked for ${changeWords(appeared)}, which is in the books.`);
    return null;
  }
  if (asked.place !== null) {
    findings.counts.doubled += 1;
    findings.add(
      "doubled",
      `${askedWords(asked)} is in the books twice, the second time as ${changeWords(appeared)}.`,
      asked.numbers,
    );
    return null;
  }
  asked.place = { account: appeared.row.account, round: round, ...changeOf(appeared) };
  const { command } = appeared.row;
  const isItsId = asked.key === null ? !command.startsWith("key:") : command === `key:${asked.key}`;
  if (!isItsId) {
    const detail = `${askedWords(asked)} is in the books under the id ${command}, which is not its own.`;
    findings.add("unasked", detail, asked.numbers);
  }
  if (!isAsAsked(asked.operation, appeared)) {
    const detail = `${askedWords(asked)} is in the books as ${changeWords(appeared)}.`;
    findings.add("wrong-answer", detail, asked.numbers);
  }
  return asked;
}

function askedFor(appeared: Appeared, commands: Commands): Asked | undefined {
  switch (appeared.type) {
    case "opening":
      return appeared.row.name === null ? undefined : commands.byName(appeared.row.name);
    case "entry":
      return commands.byDescription(appeared.row.description);
    case "limit":
      return commands.byLimit(appeared.row.account, appeared.row.creditLimit);
  }
}

function changeOf(appeared: Appeared): Pick<Place, "entry" | "change"> {
  switch (appeared.type) {
    case "opening":
      return { entry: null, change: 1 };
    case "entry":
      return { entry: appeared.entry, change: appeared.timeline.changeOfEntry(appeared.entry) };
    case "limit":
      return { entry: null, change: appeared.row.afterSeq + appeared.row.version };
  }
}

function isAsAsked(operation: Command, appeared: Appeared): boolean {
  const { row } = appeared;
  switch (appeared.type) {
    case "opening": {
      const { timeline } = appeared;
      // Without a limit it is told as broken.
      return (
        operation.type === "open" &&
        (timeline.limits === 0 || timeline.limit(1).creditLimit === operation.creditLimit)
      );
    }
    case "entry":
      return (
        operation.type === "transact" &&
        operation.account === row.account &&
        operation.kind === appeared.row.kind &&
        operation.value === appeared.row.value
      );
    case "limit":
      return operation.type === "change-limit";
  }
}

function changeWords(appeared: Appeared): string {
  switch (appeared.type) {
    case "opening":
      return `the opening of account ${appeared.row.account}, "${appeared.row.name}"`;
    case "entry":
      return entryWords(appeared.row);
    case "limit":
      return `the limit ${appeared.row.creditLimit} of account ${appeared.row.account}, version ${appeared.row.version}`;
  }
}

/** @returns when it was made, as far as the answers of this round tell anything of that */
export function changeMade(asked: Asked, place: Place, round: number): ChangeMade | null {
  const accepted = asked.attempts.filter(({ answer }) => answer.type === "accepted");
  // An answer that is not replayed says that it was made during its own attempt.
  const own = accepted.filter(({ answer }) => answer.type === "accepted" && !answer.replayed);
  if (place.round !== round && own.length === 0) return null;
  const sent = (own.length > 0 ? own : asked.causes).map(({ sentAt }) => sentAt);
  const isEarlier = own.length === 0 && (asked.open || sent.length === 0);
  return {
    type: "change",
    begin: isEarlier ? -Infinity : Math.min(...sent),
    end: Math.min(...accepted.map(({ endedAt }) => endedAt)),
    attempts: asked.numbers,
    words: askedWords(asked),
    change: place.change,
  };
}
