import type { Command, CommandId } from "./command.ts";
import type { NamedId } from "./entry.ts";

// The name of an access key holds no slash and no colon. It is no part of what a command is: sent again under another
// access key it is the same one, so whoever asks for a command asks by its id alone.

export function namedId({ id, by }: Pick<Command, "id" | "by">): NamedId {
  return by === undefined ? id : `${by}/${id}`;
}

/** The id without the name. */
export function idIn(named: NamedId): CommandId {
  return isUnnamed(named) ? named : asId(named.slice(named.indexOf("/") + 1));
}

/** The name of the access key; `null` if it came with none. */
export function nameIn(named: NamedId): string | null {
  return isUnnamed(named) ? null : named.slice(0, named.indexOf("/"));
}

// The shortest form first: nearly all ids have no name where there are no access keys.
const NAMED_ID = /^(?:[a-z0-9][a-z0-9-]{0,31}\/)??(?:key|bat|req):[\x21-\x7e]+$/;

export function isNamedId(text: string): text is NamedId {
  return NAMED_ID.test(text);
}

/** What an id begins with is as long as `key:`, and no name holds a colon. */
function isUnnamed(named: NamedId): named is CommandId {
  return named.charAt(3) === ":";
}

function asId(text: string): CommandId {
  if (text.startsWith("key:")) return `key:${text.slice(4)}`;
  return text.startsWith("bat:") ? `bat:${text.slice(4)}` : `req:${text.slice(4)}`;
}
