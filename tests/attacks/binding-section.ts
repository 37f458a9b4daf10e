import { beforeAll, describe, expect, test } from "bun:test";
import { ROUTES } from "../../src/http/routes.ts";
import { cursorOf, listName } from "../../src/http/v1/page.ts";
import { ALL_ACCOUNTS, ALL_HOLDS, ALL_TRANSACTIONS } from "../support/ledger/filters.ts";
import { type Answer, told } from "./support/caller.ts";
import { NOBODY, OTHER, type Stage } from "./support/stage.ts";

/** A key for `acme:` asks for what is of globex: it has to be told what it would be told if globex did not exist. */
export function bindingSection(stage: Stage): void {
  const acme = () => stage.with("acme");
  const posting = (from: string, to: string) => ({ postings: [{ from, to, amount: 1 }] });
  const NO_HOLD = "h0-0-0-0";
  const NO_TRANSACTION = "t0-0-0-0";

  const NO_WEBHOOK = `w${"0".repeat(25)}`;
  const NO_WATCH = `c${"0".repeat(25)}`;

  type Ask = (id: string) => Promise<Answer>;

  type What = "account" | "hold" | "transaction" | "webhook" | "watch";

  /** For each route what it is asked for, and how. */
  const CASES: Readonly<Record<string, readonly (readonly [What, Ask])[]>> = {
    "POST /clientes/:id/transacoes": [
      ["account", (id) => acme().post(`/clientes/${id}/transacoes`, { valor: 1, tipo: "d", descricao: "x" })],
      ["account", (id) => acme().post(`/clientes/${id}/transacoes`, "{")],
    ],
    "GET /clientes/:id/extrato": [["account", (id) => acme().get(`/clientes/${id}/extrato`)]],
    "POST /v1/accounts": [
      ["account", (id) => acme().post("/v1/accounts", { id, unit: "BRL/2", credit_limit: 100 })],
      ["account", (id) => acme().post("/v1/accounts", { id, unit: "USD/2" })],
    ],
    "GET /v1/accounts": [
      ["account", (id) => acme().get(`/v1/accounts?name=${id}`)],
      ["account", (id) => acme().get(`/v1/accounts?prefix=${id}`)],
    ],
    "GET /v1/accounts/:id": [
      ["account", (id) => acme().get(`/v1/accounts/${id}`)],
      ["account", (id) => acme().send("HEAD", `/v1/accounts/${id}`)],
    ],
    "PATCH /v1/accounts/:id": [
      ["account", (id) => acme().send("PATCH", `/v1/accounts/${id}`, { credit_limit: 1_000_000 })],
      ["account", (id) => acme().send("PATCH", `/v1/accounts/${id}`, { state: "closed" })],
    ],
    "GET /v1/accounts/:id/entries": [
      ["account", (id) => acme().get(`/v1/accounts/${id}/entries`)],
      ["account", (id) => acme().get(`/v1/accounts/${id}/entries`, { accept: "text/csv" })],
    ],
    "GET /v1/accounts/:id/balance": [
      ["account", (id) => acme().get(`/v1/accounts/${id}/balance`)],
      ["account", (id) => acme().get(`/v1/accounts/${id}/balance?at=2024-01-01T00:00:00Z`)],
    ],
    "POST /v1/transactions": [
      ["account", (id) => acme().post("/v1/transactions", posting(id, "acme:a"))],
      ["account", (id) => acme().post("/v1/transactions", posting("acme:a", id))],
      ["account", (id) => acme().post("/v1/transactions", { ...posting(id, "@world"), dry_run: true })],
    ],
    "GET /v1/transactions": [["account", (id) => acme().get(`/v1/transactions?account=${id}`)]],
    "GET /v1/transactions/:id": [["transaction", (id) => acme().get(`/v1/transactions/${id}`)]],
    "POST /v1/transactions/:id/reversal": [
      ["transaction", (id) => acme().post(`/v1/transactions/${id}/reversal`, {})],
    ],
    "POST /v1/holds": [
      ["account", (id) => acme().post("/v1/holds", { from: id, amount: 1 })],
      ["account", (id) => acme().post("/v1/holds", { from: "acme:a", to: id, amount: 1 })],
    ],
    "GET /v1/holds": [["account", (id) => acme().get(`/v1/holds?account=${id}&state=open`)]],
    "GET /v1/holds/:id": [["hold", (id) => acme().get(`/v1/holds/${id}`)]],
    "POST /v1/holds/:id/capture": [
      ["hold", (id) => acme().post(`/v1/holds/${id}/capture`, { to: "acme:b" })],
      ["hold", (id) => acme().post(`/v1/holds/${id}/capture`, { amount: 0 })],
      ["account", (id) => acme().post(`/v1/holds/${stage.hold}/capture`, { to: id })],
      [
        "account",
        (id) => acme().post(`/v1/holds/${stage.hold}/capture`, { postings: [{ to: id, amount: 1 }] }),
      ],
    ],
    "POST /v1/holds/:id/release": [["hold", (id) => acme().post(`/v1/holds/${id}/release`, {})]],
    "POST /v1/batches": [true, false].flatMap((atomic) => {
      const own = { op: "transaction", body: posting("acme:a", "acme:b") };
      const batch = (command: object) => acme().post("/v1/batches", { atomic, commands: [own, command] });
      return [
        ["account", (id: string) => batch({ op: "transaction", body: posting("acme:a", id) })] as const,
        ["hold", (id: string) => batch({ op: "capture", id, body: { amount: 0 } })] as const,
        ["transaction", (id: string) => batch({ op: "reversal", id })] as const,
      ];
    }),
    "GET /v1/events": [["account", (id) => acme().get(`/v1/events?account=${id}`)]],
    "POST /v1/webhooks": [
      ["account", (id) => acme().post("/v1/webhooks", { url: "https://8.8.8.8/", accounts: [id] })],
      ["account", (id) => acme().post("/v1/webhooks", { url: "https://8.8.8.8/", accounts: [`${id}*`] })],
    ],
    // Lists have none of others: what they tell does not change by those.
    "GET /v1/webhooks": [["webhook", () => acme().get("/v1/webhooks")]],
    "GET /v1/webhooks/:id": [["webhook", (id) => acme().get(`/v1/webhooks/${id}`)]],
    "PATCH /v1/webhooks/:id": [
      ["webhook", (id) => acme().send("PATCH", `/v1/webhooks/${id}`, { url: "https://8.8.4.4/" })],
      ["webhook", (id) => acme().send("PATCH", `/v1/webhooks/${id}`, { state: "paused" })],
      [
        "account",
        async (id) => {
          const answer = await acme().send("PATCH", `/v1/webhooks/${stage.webhook}`, { accounts: [id] });
          // Taken, it would be answered the same for both.
          expect(answer.status).toBe(404);
          return answer;
        },
      ],
    ],
    "DELETE /v1/webhooks/:id": [["webhook", (id) => acme().send("DELETE", `/v1/webhooks/${id}`)]],
    "POST /v1/webhooks/:id/secret": [["webhook", (id) => acme().post(`/v1/webhooks/${id}/secret`, {})]],
    "POST /v1/webhooks/:id/replay": [
      ["webhook", (id) => acme().post(`/v1/webhooks/${id}/replay`, { from: "2024-01-01T00:00:00Z" })],
    ],
    "GET /v1/webhooks/:id/deliveries": [["webhook", (id) => acme().get(`/v1/webhooks/${id}/deliveries`)]],
    "POST /v1/watches": [
      ["account", (id) => acme().post("/v1/watches", { account: id, available_lt: 10 })],
      ["account", (id) => acme().post("/v1/watches", { prefix: id, available_lt: 10 })],
    ],
    "GET /v1/watches": [["watch", () => acme().get("/v1/watches")]],
    "GET /v1/watches/:id": [["watch", (id) => acme().get(`/v1/watches/${id}`)]],
    "DELETE /v1/watches/:id": [["watch", (id) => acme().send("DELETE", `/v1/watches/${id}`)]],
    "GET /v1/watches/:id/crossings": [["watch", (id) => acme().get(`/v1/watches/${id}/crossings`)]],
    // It is of all accounts at once: nobody's in particular.
    "GET /v1/ledger": [["account", () => acme().get("/v1/ledger")]],
    // It is of the key itself.
    "GET /v1/key": [["account", (id) => acme().get(`/v1/key?account=${id}`)]],
  };

  describe("binding", () => {
    // Of a name that is asked for.
    beforeAll(async () => {
      await stage.made("/v1/accounts", { id: "globex:named", unit: "BRL/2", name: OTHER });
    });

    test("asking on every route for an account, a hold, a transaction, a webhook or a watch of others", async () => {
      const keyed = Object.entries(ROUTES).flatMap(([path, methods]) =>
        Object.entries(methods).flatMap(([method, { needs }]) =>
          needs === null ? [] : [`${method} ${path}`],
        ),
      );
      expect(Object.keys(CASES).toSorted()).toEqual(keyed.toSorted());
      const before = [await stage.balance("acme:a"), await stage.balance("acme:b")];
      const ids = {
        account: [OTHER, NOBODY],
        hold: [stage.otherHold, NO_HOLD],
        transaction: [stage.other, NO_TRANSACTION],
        webhook: [stage.otherWebhook, NO_WEBHOOK],
        watch: [stage.otherWatch, NO_WATCH],
      };
      const mixed = {
        account: null,
        hold: stage.mixedHold,
        transaction: stage.mixed,
        webhook: null,
        watch: null,
      };
      for (const [route, cases] of Object.entries(CASES))
        for (const [what, ask] of cases) {
          const [others = "", none = ""] = ids[what];
          const ofNobody = await ask(none);
          expect([route, ofNobody.status >= 200]).toEqual([route, true]);
          const id = mixed[what];
          for (const asked of id === null ? [others] : [others, id])
            expect([route, told(await ask(asked), asked)]).toEqual([route, told(ofNobody, none)]);
        }
      expect([await stage.balance("acme:a"), await stage.balance("acme:b")]).toEqual(before);
    });

    test("the path of an account of others, written in other ways", async () => {
      const paths = [
        "/v1/accounts/globex%3Aa",
        "/v1/accounts/globex%3aa",
        "/v1/accounts/%67lobex:a",
        "/v1/accounts/acme:%2F..%2Fglobex:a",
        "/v1/accounts/acme:/../globex:a",
        "/v1/accounts/acme:a/../globex:a",
        "/v1/accounts/acme:a/..%2Fglobex:a",
        "/v1/accounts/acme:a/%2e%2e/globex:a",
        "/v1/accounts/./globex:a",
        "/v1/accounts/acme:a;/globex:a",
        "/v1/accounts/acme:a%00globex:a",
        "/v1/accounts/acme:a%0Aglobex:a",
        "/v1/accounts/globex%253Aa",
        "/v1/accounts//globex:a",
        "//v1/accounts/globex:a",
        "/v1//accounts/globex:a",
        "/v1/accounts/globex:a/",
        "/v1/accounts/globex:a.",
        "/v1/accounts/globex:a%20",
        "/v1/accounts/globex:a?id=acme:a",
        "/v1/accounts/globex:a#acme:a",
        "/V1/accounts/globex:a",
        "/v1/accounts/GLOBEX:a",
        "/v1\\accounts\\globex:a",
        "/v1/accounts/..;/accounts/globex:a",
        "/v1/../v1/accounts/globex:a",
        "/%76%31/accounts/globex:a",
        "http://acme:a@x/v1/accounts/globex:a",
        "http://x/v1/accounts/globex:a",
        "/docs/../v1/accounts/globex:a",
        "/docs/%2e%2e/v1/accounts/globex:a",
        "/livez/../v1/accounts/globex:a",
        "/v1/accounts/globex:a/entries/../../acme:a",
      ];
      for (const path of paths) {
        for (const caller of [acme(), stage.withToken(null)]) {
          const { status, body } = await caller.get(path);
          expect([path, status >= 400, body.includes('"balance"')]).toEqual([path, true, false]);
        }
      }
    });

    test("ids that only look like one's own, or like the outside", async () => {
      const alike = [
        "acme",
        "acme2:a",
        "acme.a",
        "ACME:a",
        "Acme:a",
        "{acme:}a",
        " acme:a",
        "acme :a",
        "\u0430cme:a",
        "acme\uff1aa",
        "acme\u200b:a",
        "acme:a\u0000",
        "acme:a\n",
        "acme:*",
        "*",
        "%",
        "@WORLD",
        "@world ",
        "@",
        "\uff20world",
      ];
      for (const id of alike) {
        const before = await stage.balance("acme:a");
        for (const body of [posting("acme:a", id), posting(id, "acme:a")]) {
          const { status } = await acme().post("/v1/transactions", body);
          expect([id, status === 404 || status === 422]).toEqual([id, true]);
        }
        const opened = await acme().post("/v1/accounts", { id, unit: "BRL/2" });
        expect([id, opened.status === 403 || opened.status === 422]).toEqual([id, true]);
        expect(await stage.balance("acme:a")).toBe(before);
      }
      const withoutId = await acme().post("/v1/accounts", { unit: "BRL/2" });
      expect([withoutId.status, withoutId.problem]).toEqual([403, "scope-missing"]);
    });

    test("a condition on an account of others, to find its balance by halves", async () => {
      for (const what of ["balance", "available", "seq"])
        for (const bound of [{ gte: 0 }, { gte: 1_000_000 }, { lte: 0 }, { eq: 500 }]) {
          for (const isDry of [true, false]) {
            const { status, body } = await acme().post("/v1/transactions", {
              ...posting("acme:a", "acme:b"),
              conditions: [{ account: OTHER, [what]: bound }],
              dry_run: isDry,
            });
            expect([status, body.replaceAll(OTHER, NOBODY)]).toEqual([
              404,
              (
                await acme().post("/v1/transactions", {
                  ...posting("acme:a", "acme:b"),
                  conditions: [{ account: NOBODY, [what]: bound }],
                  dry_run: isDry,
                })
              ).body,
            ]);
          }
        }
    });

    test("a cursor that was made up, or is another's, to page through the lists of others", async () => {
      const filters = {
        "/v1/accounts": { ...ALL_ACCOUNTS, idBeginning: "acme:" },
        "/v1/transactions": { ...ALL_TRANSACTIONS, idBeginning: "acme:" },
        "/v1/holds": { ...ALL_HOLDS, idBeginning: "acme:" },
      };
      const places = ["", "0", "acme:b", "acmf", "globex:", OTHER, "~", stage.other, stage.otherHold, "0.0"];
      for (const [path, filter] of Object.entries(filters)) {
        const list = listName(path.replace("/v1/", ""), filter);
        for (const place of places) {
          const { status, body } = await acme().get(`${path}?cursor=${cursorOf(list, place)}`);
          expect([path, place, status === 200 || status === 422]).toEqual([path, place, true]);
          expect(body).not.toContain("globex");
        }
        const { json } = await stage.with("admin").get(`${path}?limit=1`);
        const stolen = await acme().get(`${path}?limit=1&cursor=${String(json["next"])}`);
        expect([path, stolen.status]).toEqual([path, 422]);
        // Nor is anything of others in what leads from one page to the next.
        let next = `${path}?limit=2`;
        for (let page = 0; next !== "" && page < 50; page += 1) {
          const { body, json: own } = await acme().get(next);
          const cursor = typeof own["next"] === "string" ? own["next"] : "";
          expect(body).not.toContain("globex");
          expect(Buffer.from(cursor, "base64url").toString("latin1")).not.toContain("globex");
          next = cursor === "" ? "" : `${path}?limit=2&cursor=${cursor}`;
        }
      }
    });

    test("one's own statement, to see whom of others an entry is with", async () => {
      for (const accept of ["application/json", "text/csv"]) {
        const { status, body } = await acme().get("/v1/accounts/acme:a/entries", { accept });
        expect(status).toBe(200);
        expect(body).toContain(stage.mixed);
        expect(body).not.toContain("globex");
      }
      expect((await acme().get("/clientes/acme:a/extrato")).body).not.toContain("globex");
    });

    test("money out of the ledger, or into it, without world:write: by a hold, its capture, a reversal, a batch", async () => {
      const within = stage.with("within");
      const entered = await stage.moved(["@world", "acme:b", 3]);
      const out = await stage.made("/v1/holds", { from: "acme:b", amount: 1 });
      const before = await stage.balance("acme:b");
      const tries: readonly (readonly [string, object])[] = [
        ["/v1/transactions", posting("@world", "acme:b")],
        ["/v1/transactions", posting("acme:b", "@world")],
        ["/v1/holds", { from: "acme:b", amount: 1 }],
        ["/v1/holds", { from: "acme:b", amount: 1, to: null }],
        [`/v1/holds/${out}/capture`, {}],
        [`/v1/holds/${out}/capture`, { amount: 1 }],
        [`/v1/holds/${out}/capture`, { to: null, postings: null }],
        [`/v1/holds/${stage.hold}/capture`, { to: "@world" }],
        [`/v1/holds/${stage.hold}/capture`, { postings: [{ to: "@world", amount: 1 }] }],
        [`/v1/transactions/${entered}/reversal`, {}],
        ["/clientes/acme:b/transacoes", { valor: 1, tipo: "c", descricao: "x" }],
        ["/v1/batches", { atomic: false, commands: [{ op: "capture", id: out }] }],
        ["/v1/batches", { atomic: true, commands: [{ op: "reversal", id: entered }] }],
      ];
      for (const [path, body] of tries) {
        const { status, json } = await within.post(path, body);
        expect([path, body, status, json["scope"]]).toEqual([path, body, 403, "world:write"]);
      }
      expect(await stage.balance("acme:b")).toBe(before);
    });
  });
}
