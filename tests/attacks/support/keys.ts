import type { AccessKeyStore } from "../../../src/access/kept-key.ts";
import { SCOPES, type Scope } from "../../../src/access/scope.ts";
import { hashOf, newToken } from "../../../src/access/token.ts";
import { NAMES_BEGIN } from "./caller.ts";

const ALL = SCOPES.filter((scope) => scope !== "admin");
const READ = ALL.filter((scope) => scope.endsWith(":read"));
/** Requests a second of the key that has a rate. */
export const RATE = 5;

interface Made {
  readonly scopes: readonly Scope[];
  readonly accounts?: string;
  readonly rate?: number;
  readonly expiresAt?: number;
  readonly revokedAt?: number;
}

/** What attackers hold, and those whom they attack. */
const KEYS = {
  admin: { scopes: ["admin"] },
  acme: { scopes: ALL, accounts: "acme:" },
  globex: { scopes: ALL, accounts: "globex:" },
  reader: { scopes: READ },
  within: { scopes: ALL.filter((scope) => scope !== "world:write") },
  events: { scopes: ["events:read"] },
  slow: { scopes: READ, rate: RATE },
  late: { scopes: READ },
  revoked: { scopes: ALL, revokedAt: 1_700_000_000_000_000 },
  expired: { scopes: ALL, expiresAt: 1_700_000_000_000_000 },
  /** Made after the others: a server that knows it knows all. */
  last: { scopes: READ },
} satisfies Record<string, Made>;

export type Tokens = Readonly<Record<keyof typeof KEYS, string>>;

/** Makes all of them. @returns their tokens */
export async function makeKeys(store: AccessKeyStore): Promise<Tokens> {
  const make = async (name: string, made: Made): Promise<string> => {
    const token = newToken();
    const { scopes, accounts = "", rate = null, expiresAt = null, revokedAt = null } = made;
    const isNew = await store.create({
      name: NAMES_BEGIN + name,
      hash: hashOf(token),
      scopes: new Set(scopes),
      accounts,
      rate,
      createdAt: 1_600_000_000_000_000,
      expiresAt,
      revokedAt,
    });
    if (!isNew) throw new Error(`there was a key ${name} before`);
    return token;
  };
  const { admin, acme, globex, reader, within, events, slow, late, revoked, expired, last } = KEYS;
  return {
    admin: await make("admin", admin),
    acme: await make("acme", acme),
    globex: await make("globex", globex),
    reader: await make("reader", reader),
    within: await make("within", within),
    events: await make("events", events),
    slow: await make("slow", slow),
    late: await make("late", late),
    revoked: await make("revoked", revoked),
    expired: await make("expired", expired),
    last: await make("last", last),
  };
}
