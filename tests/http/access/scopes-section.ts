import { describe, expect, test } from "bun:test";
import { SCOPES, type Scope } from "../../../src/access/scope.ts";
import { docsRoutes } from "../../../src/http/docs/routes.ts";
import { ROUTES } from "../../../src/http/routes.ts";
import type { Keyed } from "./access-suite.ts";
import { credit, json, problem } from "../support/client.ts";

/** Every route by its methods, with the scopes that it needs; `null`: no key. Of a list in a list, any is enough. */
const NEEDS: Readonly<Record<string, readonly (Scope | readonly Scope[])[] | null>> = {
  "POST /clientes/:id/transacoes": ["transactions:write", "world:write"],
  "GET /clientes/:id/extrato": ["accounts:read"],
  "POST /v1/accounts": ["accounts:write"],
  "GET /v1/accounts": ["accounts:read"],
  "GET /v1/accounts/:id": ["accounts:read"],
  "PATCH /v1/accounts/:id": ["accounts:write"],
  "GET /v1/accounts/:id/entries": ["accounts:read"],
  "GET /v1/accounts/:id/balance": ["accounts:read"],
  "POST /v1/transactions": ["transactions:write"],
  "GET /v1/transactions": ["transactions:read"],
  "GET /v1/transactions/:id": ["transactions:read"],
  "POST /v1/transactions/:id/reversal": ["transactions:write"],
  "POST /v1/holds": ["holds:write"],
  "GET /v1/holds": ["transactions:read"],
  "GET /v1/holds/:id": ["transactions:read"],
  "POST /v1/holds/:id/capture": ["holds:write"],
  "POST /v1/holds/:id/release": ["holds:write"],
  "POST /v1/batches": [["transactions:write", "holds:write", "accounts:write"]],
  ...Object.fromEntries(
    [
      "POST /v1/webhooks",
      "GET /v1/webhooks",
      "GET /v1/webhooks/:id",
      "PATCH /v1/webhooks/:id",
      "DELETE /v1/webhooks/:id",
      "POST /v1/webhooks/:id/secret",
      "POST /v1/webhooks/:id/replay",
      "GET /v1/webhooks/:id/deliveries",
      "POST /v1/watches",
      "GET /v1/watches",
      "GET /v1/watches/:id",
      "DELETE /v1/watches/:id",
      "GET /v1/watches/:id/crossings",
    ].map((route) => [route, ["events:read", "webhooks:write"] as const]),
  ),
  "GET /v1/events": ["events:read"],
  "GET /v1/ledger": ["ledger:read"],
  "GET /openapi.json": null,
  "GET /livez": null,
  "GET /readyz": null,
};

export function scopesSection({ keys, admin, with: withKey }: Keyed): void {
  describe("scopes", () => {
    let count = 0;
    test("every route is in the table, with what it needs", () => {
      const found = Object.entries(ROUTES).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, { needs }]) => {
          const any = needs?.any === undefined ? [] : [needs.any];
          return [`${method} ${path}`, needs === null ? null : [...needs.all, ...any]];
        }),
      );
      const page = Object.keys(docsRoutes).map((path) => [`GET ${path}`, null]);
      expect(Object.fromEntries(found)).toEqual({ ...NEEDS, ...Object.fromEntries(page) });
    });

    for (const [route, needs] of Object.entries(NEEDS)) {
      const [method = "", pattern = ""] = route.split(" ");
      const path = pattern.replace(":id", "1");
      const send = (token: string | null) =>
        withKey(token).send(method, path, method === "GET" ? undefined : { more: "x".repeat(300_000) });
      if (needs === null) {
        test(`${route} needs no key`, async () => {
          await json(await send(null), 200);
          await json(await send("wrong"), 200);
        });
        continue;
      }
      test(`${route} needs a key with its scopes, before anything else is looked at`, async () => {
        const missing = await send(null);
        expect(missing.headers.get("www-authenticate")).toBe("Bearer");
        await problem(missing, 401, "key-missing");
        const wrong = await send("wrong");
        expect(wrong.headers.get("www-authenticate")).toStartWith("Bearer ");
        await problem(wrong, 401, "key-invalid");
        for (const need of needs) {
          const names = typeof need === "string" ? [need] : need;
          const others = SCOPES.filter((scope) => scope !== "admin" && !names.includes(scope));
          const token = keys.add(`others-${(count += 1)}`, others);
          const told = await problem(await send(token), 403, "scope-missing");
          expect(told).toMatchObject({ scope: names[0] });
          expect(told["detail"]).toContain(names[0]);
        }
        for (const token of [keys.add(`just-${count}`, needs.flat()), "admin-token"])
          expect([401, 403]).not.toContain((await send(token)).status);
      });
    }

    test("route and method come before the key", async () => {
      await problem(await withKey(null).get("/v1/nothing"), 404, "route-not-found");
      await problem(await withKey("wrong").send("PUT", "/v1/accounts"), 405, "method-not-allowed");
    });

    test("@world needs a scope of its own, wherever money comes from there or goes there", async () => {
      const within = withKey(
        keys.add("within", ["accounts:write", "transactions:write", "holds:write", "transactions:read"]),
      );
      const [a, b] = [await admin.funded(100), await admin.account()];
      const entered = await admin.move(["@world", a, 1]);
      const moved = await admin.move([a, b, 1]);
      const [out, inside] = [await admin.hold(a, 5), await admin.hold(a, 5, { to: b })];
      const posting = (from: string, to: string) => ({ postings: [{ from, to, amount: 1 }] });
      const refused: readonly (readonly [string, unknown])[] = [
        [`/clientes/${a}/transacoes`, credit(1)],
        ["/v1/transactions", posting("@world", a)],
        ["/v1/transactions", posting(a, "@world")],
        ["/v1/transactions", { ...posting(a, "@world"), dry_run: true }],
        ["/v1/holds", { from: a, amount: 1 }],
        ["/v1/holds", { from: a, amount: 1, to: "@world" }],
        [`/v1/holds/${out.id}/capture`, {}],
        [`/v1/holds/${out.id}/capture`, { amount: 1 }],
        [`/v1/holds/${inside.id}/capture`, { to: "@world" }],
        [
          `/v1/holds/${inside.id}/capture`,
          {
            postings: [
              { to: b, amount: 1 },
              { to: "@world", amount: 1 },
            ],
          },
        ],
        [`/v1/transactions/${entered.id}/reversal`, {}],
      ];
      const before = await admin.readAccount(a);
      for (const [path, body] of refused)
        expect(await problem(await within.post(path, body), 403, "scope-missing")).toMatchObject({
          scope: "world:write",
        });
      expect(await admin.readAccount(a)).toEqual(before);

      await json(await within.post("/v1/transactions", posting(a, b)), 201);
      await json(await within.post(`/v1/transactions/${moved.id}/reversal`), 201);
      await json(await within.post("/v1/holds", { from: a, amount: 1, to: b }), 201);
      await json(await within.post(`/v1/holds/${inside.id}/capture`), 200);
      // What goes elsewhere, or nowhere, is no matter of the outside.
      await json(await within.post(`/v1/holds/${out.id}/capture`, { amount: 2, to: b }), 200);
      const more = [await admin.hold(a, 5), await admin.hold(a, 5)];
      await json(await within.post(`/v1/holds/${more[0]?.id}/capture`, { amount: 0 }), 200);
      await json(await within.post(`/v1/holds/${more[1]?.id}/release`), 200);
      await problem(await within.post("/v1/holds/h0-0-0-0/capture"), 404, "hold-not-found");
      await problem(await within.post("/v1/transactions/t0-0-0-0/reversal"), 404, "transaction-not-found");
    });

    test("of a batch each command needs its own, and where one lacks it nothing is done", async () => {
      const holds = withKey(keys.add("holds", ["holds:write"]));
      const [a, b] = [await admin.funded(100), await admin.account()];
      const before = await admin.readAccount(a);
      const hold = { op: "hold", body: { from: a, amount: 1, to: b } };
      const move = { op: "transaction", body: { postings: [{ from: a, to: b, amount: 1 }] } };
      const opening = { op: "account", body: { unit: "BRL/2" } };
      const out = { op: "hold", body: { from: a, amount: 1 } };
      for (const atomic of [true, false]) {
        for (const [commands, index, scope] of [
          [[hold, move, opening], 1, "transactions:write"],
          [[hold, opening, move], 1, "accounts:write"],
          [[hold, hold, out], 2, "world:write"],
        ] as const) {
          const told = await problem(
            await holds.post("/v1/batches", { atomic, commands }),
            403,
            "scope-missing",
          );
          expect(told).toMatchObject({ index, scope });
        }
        expect(await admin.readAccount(a)).toEqual(before);
        // Its form comes before that.
        const bad = { op: "hold", body: { from: a } };
        const told = await problem(
          await holds.post("/v1/batches", { atomic, commands: [move, bad] }),
          422,
          "invalid-fields",
        );
        expect(told).toMatchObject({ index: 1 });
      }
      const { results } = await json<{ results: readonly object[] }>(
        await holds.post("/v1/batches", { atomic: false, commands: [hold, hold] }),
        200,
      );
      expect(results).toMatchObject([{ status: 201 }, { status: 201 }]);
    });
  });
}
