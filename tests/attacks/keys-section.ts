import { describe, expect, test } from "bun:test";
import { bounds } from "../../src/bounds.ts";
import { hashOf, newToken } from "../../src/access/token.ts";
import { told } from "./support/caller.ts";
import type { Stage } from "./support/stage.ts";

const PATH = "/v1/accounts/1";

/** Keys that are none, none any more, or written in another way than they were given. */
export function keysSection(stage: Stage, keptKeys: () => Promise<string>): void {
  /** The head as it is sent, with these lines in it, from an address that has sent nothing wrong yet. */
  const withLines = (...lines: readonly string[]) =>
    stage
      .withToken(null, stage.freshAddress())
      .raw([`GET ${PATH} HTTP/1.1`, "Host: x", ...lines, "", ""].join("\r\n"));

  describe("keys", () => {
    test("a key written in another way: case, blanks, control characters, letters that look alike, a part, more than it", async () => {
      const right = stage.tokens.admin;
      const wrong = [
        right.toUpperCase(),
        right.toLowerCase(),
        right.slice(0, -1),
        right.slice(3),
        `${right}A`,
        `${right}=`,
        `${right}\0`,
        `${right}\r`,
        `${right}\x0b`,
        `\0${right}`,
        `${right}\x85`,
        `${right}\xa0`,
        `${right}\xad`,
        `${right}%00`,
        right.replace("rz_", "rz-"),
        right.replace("rz_", "rz\xad_"),
        encodeURIComponent(right).replace("_", "%5F"),
        `"${right}"`,
        `${right} ${right}`,
        `${right},${right}`,
        `${right};q=1`,
        Buffer.from(`:${right}`).toString("base64"),
      ];
      for (const key of wrong) {
        const { status } = await withLines(`Authorization: Bearer ${key}`);
        expect([key, status === 401 || status === 400]).toEqual([key, true]);
      }
      for (const scheme of ["Basic ", "Token ", "Digest ", "", "Bearer", "Bearer\t", "Bearer,", "Bearer:"]) {
        const { status } = await withLines(`Authorization: ${scheme}${right}`);
        expect([scheme, status]).toEqual([scheme, 401]);
      }
      expect((await withLines(`authorization: bEARER   ${right} \t`)).status).toBe(200);
    });

    test("two Authorization headers, one of them right, in either order", async () => {
      const right = `Authorization: Bearer ${stage.tokens.admin}`;
      for (const other of [
        "Authorization: Bearer x",
        "Authorization: Basic eDp4",
        "Authorization: ",
        `authorization: Bearer ${stage.tokens.acme}`,
        right,
      ])
        for (const lines of [
          [other, right],
          [right, other],
        ])
          expect([lines, (await withLines(...lines)).status]).toEqual([lines, 401]);
    });

    test("a key in the query, in a cookie, in the path, or in a header of another name", async () => {
      const { admin } = stage.tokens;
      const caller = stage.withToken(null, stage.freshAddress());
      for (const query of ["access_token", "key", "token", "api_key", "authorization"])
        expect((await caller.get(`${PATH}?${query}=${admin}`)).problem).toBe("key-missing");
      for (const name of ["x-api-key", "proxy-authorization", "x-authorization", "authentication", "api-key"])
        expect((await caller.get(PATH, { [name]: `Bearer ${admin}` })).problem).toBe("key-missing");
      expect((await caller.get(PATH, { cookie: `authorization=Bearer ${admin}` })).problem).toBe(
        "key-missing",
      );
      expect((await caller.raw(`GET http://:${admin}@x${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`)).status).not.toBe(
        200,
      );
    });

    test("keys that were revoked, have expired, or were never made, to learn which of it", async () => {
      const { revoked, expired } = stage.tokens;
      const answers = [];
      for (const key of [newToken(), revoked, expired, "x", `${expired}x`, "rz_"])
        for (const path of [PATH, "/v1/ledger", "/v1/accounts/none-such"]) {
          const answer = await stage.withToken(key, stage.freshAddress()).get(path);
          expect(answer.problem).toBe("key-invalid");
          answers.push(told(answer));
        }
      for (const answer of answers) expect(answer).toEqual(Object(answers[0]));
    });

    test("guessing a key letter by letter, or reading it where it is kept: there is only its hash", async () => {
      const kept = await keptKeys();
      for (const token of Object.values(stage.tokens)) {
        const hash = Buffer.from(hashOf(token), "base64").toString("hex");
        expect(kept).toContain(hash);
        expect(kept).not.toContain(token);
        expect(kept).not.toContain(Buffer.from(token).toString("hex"));
        expect(kept).not.toContain(Buffer.from(token.slice(3), "base64url").toString("hex"));
      }
    });

    test("wrong keys without end, to keep others out, or to try many", async () => {
      const from = stage.freshAddress();
      await stage.withToken(stage.tokens.admin, from).get(PATH);
      const statuses = await Promise.all(
        Array.from({ length: 20 * bounds.wrong_keys_per_address }, () =>
          stage.withToken(newToken(), from).get(PATH),
        ),
      );
      const refused = statuses.filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThan(15 * bounds.wrong_keys_per_address);
      // Who comes from elsewhere is let in with whatever key is right.
      for (const name of ["reader", "acme", "late"] as const) {
        const caller = stage.withToken(stage.tokens[name], stage.freshAddress());
        expect((await caller.get("/v1/accounts?limit=1")).status).toBe(200);
      }
    });

    test("a key that may only read, to write by any route", async () => {
      const reader = stage.with("reader");
      const writes: readonly (readonly [string, string, unknown])[] = [
        ["POST", "/v1/accounts", { id: "acme:x", unit: "BRL/2" }],
        ["PATCH", "/v1/accounts/acme:a", { credit_limit: 1 }],
        ["POST", "/v1/transactions", { postings: [{ from: "acme:a", to: "acme:b", amount: 1 }] }],
        ["POST", `/v1/transactions/${stage.mixed}/reversal`, {}],
        ["POST", "/v1/holds", { from: "acme:a", amount: 1 }],
        ["POST", `/v1/holds/${stage.hold}/capture`, {}],
        ["POST", `/v1/holds/${stage.hold}/release`, {}],
        ["POST", "/v1/batches", { atomic: true, commands: [{ op: "release", id: stage.hold }] }],
        ["POST", "/clientes/acme:a/transacoes", { valor: 1, tipo: "c", descricao: "x" }],
      ];
      for (const [method, path, body] of writes) {
        const answer = await reader.send(method, path, body);
        expect([path, answer.status, answer.problem]).toEqual([path, 403, "scope-missing"]);
      }
    });

    test("accounts, holds and transactions, with a key for events alone", async () => {
      const events = stage.with("events");
      expect((await events.get("/v1/accounts/globex:a/events")).problem).toBe("route-not-found");
      for (const path of [PATH, "/v1/accounts", "/v1/transactions", "/v1/holds", "/v1/ledger"])
        expect([path, (await events.get(path)).problem]).toEqual([path, "scope-missing"]);
    });
  });
}
