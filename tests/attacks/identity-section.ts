import { describe, expect, test } from "bun:test";
import { parseEvent } from "../../src/ledger/event.ts";
import { nameIn } from "../../src/ledger/named-id.ts";
import { eventually } from "../support/eventually.ts";
import { bounds } from "../../src/bounds.ts";
import { NAMES_BEGIN } from "./support/caller.ts";
import { RATE } from "./support/keys.ts";
import type { Stage } from "./support/stage.ts";

const CREDIT = '{"valor":1,"tipo":"c","descricao":"x"}';

/** Headers by which a client would be somebody else: what only HAProxy and the ledger may say. */
export function identitySection(stage: Stage, events: () => Promise<readonly string[]>): void {
  describe("identity", () => {
    test("an id of one's own for a request, to have another's taken for one that was answered", async () => {
      const admin = stage.with("admin");
      const before = await stage.balance("acme:b");
      const names = ["X-Request-Id", "x-request-id", "Razonete-Request-Id", "Request-Id", "X_Request_Id"];
      for (const name of names)
        for (const headers of [{ [name]: "mine" }, { [name]: "mine", "X-REQUEST-ID": "mine" }])
          for (let count = 0; count < 2; count += 1) {
            const answer = await admin.post("/clientes/acme:b/transacoes", CREDIT, headers);
            expect([name, answer.status, answer.headers.get("idempotency-replayed")]).toEqual([
              name,
              200,
              undefined,
            ]);
          }
      expect(await stage.balance("acme:b")).toBe(before + 4 * names.length);
    });

    const written = (address: string) => ({
      "razonete-client-address": address,
      "x-forwarded-for": address,
      forwarded: `for=${address}`,
      "x-real-ip": address,
      "true-client-ip": address,
    });

    test("another address for each wrong key, to guess without being slowed down", async () => {
      const from = stage.freshAddress();
      const caller = stage.withToken("rz_guessed", from);
      const statuses = new Set<number>();
      // Each API counts for itself.
      for (let index = 0; index < 3 * bounds.wrong_keys_per_address; index += 1)
        statuses.add((await caller.get("/v1/accounts/1", written(`198.51.100.${index}`))).status);
      expect([...statuses]).toEqual([401, 429]);
    });

    test("the address of somebody else with wrong keys, to keep that one out", async () => {
      const victim = stage.freshAddress();
      const caller = stage.withToken("rz_wrong", stage.freshAddress());
      for (let index = 0; index < 3 * bounds.wrong_keys_per_address; index += 1)
        await caller.get("/v1/accounts/1", written(victim));
      // One that was not let in before.
      const { status } = await stage.withToken(stage.tokens.late, victim).get("/v1/accounts/1");
      expect(status).toBe(200);
    });

    test("a rate of one's own, to send more than the key may", async () => {
      const caller = stage.with("slow");
      await caller.get("/v1/accounts/1");
      const answers = await Promise.all(
        Array.from({ length: 10 * RATE }, () =>
          caller.get("/v1/accounts/1", { "razonete-key-rate": "100000", ratelimit: '"key";r=99;t=1' }),
        ),
      );
      expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(5 * RATE);
      expect(answers.some(({ headers }) => headers.has("razonete-key-rate"))).toBe(false);
    });

    test("another's name in an Idempotency-Key, to have the journal blame that one", async () => {
      const keys = ["key", "req", "bat:0"].map(
        (kind) => `${NAMES_BEGIN}admin/${kind}:${crypto.randomUUID()}`,
      );
      for (const key of keys) {
        const body = { postings: [{ from: "acme:a", to: "acme:b", amount: 1 }], reference: "blame" };
        const answer = await stage.with("acme").post("/v1/transactions", body, {
          "idempotency-key": key,
          "x-key-name": `${NAMES_BEGIN}admin`,
        });
        expect(answer.status).toBe(201);
      }
      await eventually("they are in the journal", async () => {
        const all = (await events()).join("\n");
        return keys.every((key) => all.includes(key));
      });
      const found = (await events()).filter((text) => keys.some((key) => text.includes(key))).map(parseEvent);
      const names = found.map((event) => (event.type === "transaction" ? nameIn(event.id) : null));
      expect(names).toEqual(keys.map(() => `${NAMES_BEGIN}acme`));
    });

    test("another's Idempotency-Key, to be told what became of that request", async () => {
      const acme = stage.with("acme");
      const key = { "idempotency-key": crypto.randomUUID() };
      await stage.open("globex:c", 10);
      await stage.open("globex:d", 0);
      const theirs = { postings: [{ from: "globex:c", to: "globex:d", amount: 1 }] };
      const first = await stage.with("globex").post("/v1/transactions", theirs, key);
      expect(first.status).toBe(201);
      const id = String(first.json["id"]);
      const same = await acme.post("/v1/transactions", theirs, key);
      expect([same.status, same.problem]).toEqual([404, "account-not-found"]);
      const own = { postings: [{ from: "acme:a", to: "acme:b", amount: 1 }] };
      const batch = { atomic: true, commands: [{ op: "transaction", body: own }] };
      const others: readonly (readonly [string, object])[] = [
        ["/v1/transactions", own],
        ["/v1/holds", { from: "acme:a", amount: 1, to: "acme:b" }],
        ["/v1/accounts", { id: "acme:replayed", unit: "BRL/2" }],
        [`/v1/holds/${stage.hold}/capture`, { amount: 0 }],
        ["/v1/batches", batch],
      ];
      for (const [path, body] of others) {
        const { status, problem, body: text } = await acme.post(path, body, key);
        expect([path, status, problem]).toEqual([path, 422, "idempotency-key-reused"]);
        for (const part of ["globex", id]) expect(text).not.toContain(part);
      }
    });
  });
}
