import { expect, test } from "bun:test";
import type { AccessKey } from "./access-key.ts";
import { denialOf } from "./denial.ts";
import { SCOPES } from "./scope.ts";

const NOTHING = { hold: () => Promise.resolve(null), transaction: () => Promise.resolve(null) };
const within: AccessKey = {
  name: "within",
  scopes: new Set(SCOPES.filter((scope) => scope !== "admin" && scope !== "world:write")),
  accounts: "",
  expiresAt: null,
  rate: null,
};
const details = { description: null, reference: null, metadata: {} };

// The ledger would decide a moment later, when it may be there: nobody has looked then where its money goes.
test("without world:write, what is not there when it is looked at is not handed on: its id can be told before", async () => {
  const capture = { type: "capture", hold: "h0-9-0-1", amount: null, to: null, parts: null } as const;
  expect(await denialOf(within, NOTHING, capture)).toMatchObject({
    type: "not-there",
    refused: { refusal: "hold-unknown" },
  });
  const reversal = { type: "reversal", transaction: "t0-9-0-1", ...details } as const;
  expect(await denialOf(within, NOTHING, reversal)).toMatchObject({
    type: "not-there",
    refused: { refusal: "transaction-unknown" },
  });
});

test("a key for everything is looked at no further", async () => {
  const capture = { type: "capture", hold: "h0-9-0-1", amount: null, to: null, parts: null } as const;
  expect(await denialOf({ ...within, scopes: new Set(["admin"]) }, NOTHING, capture)).toBeNull();
});
