import { type OpenSetting } from "../config.ts";
import { StartError } from "../errors.ts";
import type { KnownKeys } from "./known-keys.ts";

/** What is said of how to make the first key: one for everything, by which its owner can try all. */
export const FIRST_KEY = "--name admin --scopes admin";

/** Where a server listens, as far as it matters for who may use it. */
export interface Reach {
  /** Whether only this machine can reach it: it listens on a loopback address or a unix socket. */
  readonly onlyThisMachine: boolean;
  /** Its host, and where that comes from, for a person; not of a unix socket. */
  readonly host: string;
}

/**
 * Who may use a server that now listens. Until this is called it takes no request without a key.
 *
 * @param keys null where the server was told to ask for none
 * @param create how to make a key for this server
 * @returns lines for its banner
 * @throws StartError if other machines can reach it, and no key was made
 */
export function decideAccess(
  keys: KnownKeys | null,
  setting: OpenSetting,
  { onlyThisMachine, host }: Reach,
  create: string,
): string[] {
  const reached = onlyThisMachine ? [] : [`Other machines can reach it: its host, ${host}.`];
  if (keys === null)
    return [
      ...reached,
      "Open, as it was told: it asks for no access key, and whoever reaches it can change every balance.",
    ];
  if (onlyThisMachine || setting === "anywhere") keys.openUntilMade();
  else if (keys.wasMade === false) {
    throw new StartError(
      `no access key was made, and other machines could reach this server (its host, ${host}): make one with ` +
        `"${create}", or start with --open, which lets everyone in who reaches it.`,
    );
  }
  if (keys.wasMade === null)
    return [...reached, "The access keys are not known yet: until then every request waits."];
  return [...reached, ...describeAccess(keys.wasMade, create)];
}

/** For the banner of a server that may be open. */
export function describeAccess(wasMade: boolean, create: string): string[] {
  if (wasMade) return ["Requests need an access key (razonete keys list)."];
  return [
    "Open: no access key was made, so whoever reaches it can change every balance. It closes within 5 s of the first one:",
    `  ${create}`,
  ];
}
