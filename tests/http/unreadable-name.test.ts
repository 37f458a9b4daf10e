import { expect, test } from "bun:test";
import { startHttpServer } from "../../src/http/server.ts";
import { type Ledger, LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { call } from "../support/api.ts";

/** Decides, and goes away before the account can be read: as a cluster whose Redis is killed in between. */
const away = (): Promise<never> => Promise.reject(new LedgerUnavailable("Redis does not answer", "none"));
const ledger: Ledger = {
  submit: async () => ({
    type: "accepted",
    account: { id: "1", creditLimit: 5, balance: 0, seq: 0 },
    replayed: false,
  }),
  account: away,
  statement: away,
  history: away,
  readiness: () => ({ ready: true }),
  close: async () => {},
};

test("a limit that was changed is not called unchanged where only the account's name could not be read", async () => {
  const address = { host: "127.0.0.1", port: 0 };
  const defects: string[] = [];
  const server = startHttpServer(ledger, { address, onDefect: (message) => defects.push(message) });
  try {
    const changed = await call(server.url, "PATCH", "/clientes/1", { limite: 5 });
    expect([changed.status, changed.body]).toEqual([503, expect.objectContaining({ outcome: "unknown" })]);
    const read = await call(server.url, "GET", "/clientes/1");
    expect([read.status, read.body]).toEqual([503, expect.objectContaining({ outcome: "none" })]);
    expect(defects).toEqual([]);
  } finally {
    await server.stop();
  }
});
