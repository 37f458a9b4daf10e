import { expect, test } from "bun:test";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { AccessKeySource, KeptKey } from "./kept-key.ts";
import { KnownKeys } from "./known-keys.ts";
import { hashOf, newToken } from "./token.ts";

const token = newToken();
const key: KeptKey = {
  name: "shop",
  hash: hashOf(token),
  scopes: new Set(["accounts:read"]),
  accounts: "acme:",
  rate: null,
  createdAt: 1,
  expiresAt: null,
  revokedAt: null,
};

/** A store whose content the test sets: an error is thrown, null has not changed. */
function setUp(content: readonly KeptKey[] | null | Error) {
  const store = { content, closed: 0 };
  const said: string[] = [];
  let now = 10;
  const source: AccessKeySource = {
    async readChanged() {
      if (store.content instanceof Error) throw store.content;
      return store.content;
    },
    async close() {
      store.closed += 1;
    },
  };
  const clock = (): number => now;
  const keys = new KnownKeys({ source, lookMilliseconds: 5, report: (line) => said.push(line), clock });
  const setTime = (time: number): void => {
    now = time;
  };
  return { keys, store, said, setTime };
}

test("finds a key by its token to the letter", async () => {
  const { keys } = setUp([key]);
  await keys.look();
  expect(keys.find(token)).toMatchObject({ name: "shop", accounts: "acme:" });
  const others = [
    "",
    "rz_",
    newToken(),
    token.toUpperCase(),
    token.toLowerCase(),
    ` ${token}`,
    `${token} `,
    `${token}\n`,
    `${token}=`,
    token.slice(0, -1),
    key.hash,
    `rz_${key.hash.slice(0, 43)}`,
    "rz_".repeat(1_000_000),
  ];
  expect(others.map((other) => keys.find(other))).toEqual(others.map(() => null));
});

test("a token that decodes to the same bytes is another one", async () => {
  const { keys } = setUp([key]);
  await keys.look();
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  // Of the last character's six bits, four are part of the secret.
  const last = alphabet.indexOf(token.at(-1) ?? "");
  for (const bits of [1, 2, 3]) expect(keys.find(`${token.slice(0, -1)}${alphabet[last ^ bits]}`)).toBeNull();
});

test("an expired key is none, from its moment on; a revoked one is none", async () => {
  const { keys, store, setTime } = setUp([{ ...key, expiresAt: 20 }]);
  await keys.look();
  setTime(19);
  expect(keys.find(token)).not.toBeNull();
  setTime(20);
  expect(keys.find(token)).toBeNull();
  setTime(10);
  store.content = [{ ...key, revokedAt: 5 }];
  await keys.look();
  expect(keys.find(token)).toBeNull();
});

test("is closed at first, open where it may be until a key is made, and never again", async () => {
  const { keys, store, said } = setUp([]);
  await keys.look();
  expect(keys.isOpen).toBe(false);
  keys.openUntilMade();
  expect(keys.isOpen).toBe(true);
  store.content = [{ ...key, revokedAt: 5 }];
  await keys.look();
  expect(keys.isOpen).toBe(false);
  expect(said).toEqual(["an access key was made: from now on every request needs one."]);
  store.content = [];
  await keys.look();
  expect(keys.isOpen).toBe(false);
  expect(said.slice(1)).toEqual([
    "the access keys are gone: every request is refused until they are put back, or one is made.",
  ]);
  await keys.look();
  expect(said).toHaveLength(2);
});

test("as long as the store was never read it is neither open nor closed: nothing is answered", async () => {
  const { keys, store } = setUp(new Error("away"));
  keys.openUntilMade();
  await keys.look().catch(() => {});
  expect(() => keys.isOpen).toThrow(LedgerUnavailable);
  expect(() => keys.find(token)).toThrow(LedgerUnavailable);
  expect(keys.wasMade).toBeNull();
  store.content = [key];
  await keys.look();
  expect(keys.isOpen).toBe(false);
  expect(keys.find(token)).not.toBeNull();
});

test("what is known goes on while the store is away, and that is said once", async () => {
  const { keys, store, said } = setUp([key]);
  await keys.look();
  keys.watch();
  store.content = new Error("away");
  while (said.length < 1) await Bun.sleep(1);
  expect(keys.find(token)).not.toBeNull();
  store.content = [{ ...key, revokedAt: 11 }];
  while (said.length < 2) await Bun.sleep(1);
  expect(keys.find(token)).toBeNull();
  expect(said).toEqual([
    "the access keys cannot be read (away): those that are known go on.",
    "the access keys can be read again.",
  ]);
  keys.close();
  expect(store.closed).toBe(1);
});
