import { gzipSync } from "node:zlib";
import { describe, expect, test } from "bun:test";
import { RawConnection } from "../support/raw-connection.ts";
import { OTHER, type Stage, statusAndProblem } from "./support/stage.ts";

const BRACKETS = 100_000;

/** Bodies that cost much, are read in two ways, or are not what they seem. */
export function bodiesSection(stage: Stage): void {
  const posts = () => [
    "/v1/accounts",
    "/v1/transactions",
    "/v1/holds",
    `/v1/holds/${stage.hold}/capture`,
    "/v1/batches",
    "/clientes/acme:a/transacoes",
  ];
  const alive = async () => expect((await stage.withToken(null).get("/livez")).status).toBe(200);

  describe("bodies", () => {
    test("100,000 brackets, one in the other, closed or not", async () => {
      const acme = stage.with("acme");
      const deep = (open: string, close: string) => open.repeat(BRACKETS) + close.repeat(BRACKETS);
      const bodies = [
        deep("[", "]"),
        "[".repeat(2 * BRACKETS),
        deep('{"a":', "}").slice(0, 250_000),
        `{"atomic":true,"commands":${deep("[", "]")}}`,
        `{"atomic":true,"commands":[{"op":"hold","body":{"amount":1.5,"metadata":${deep("[", "]")}}}]}`,
      ];
      for (const path of posts())
        for (const [index, body] of bodies.entries()) {
          const { status } = await acme.post(path, body);
          expect([path, index, [400, 413, 422].includes(status)]).toEqual([path, index, true]);
        }
      // As deep as the small bodies let it be.
      for (const path of posts())
        expect([400, 422]).toContain((await acme.post(path, "[".repeat(2000) + "]".repeat(2000))).status);
      await alive();
    });

    test("a body without end, or one that says it has 10 GB", async () => {
      const acme = stage.with("acme");
      for (const path of posts()) {
        // More than HAProxy waits for.
        const huge = await acme.post(path, " ".repeat(20_000), { "content-length": "10000000000" });
        expect([path, statusAndProblem(huge)]).toEqual([path, "413 body-too-large"]);
        using connection = new RawConnection(stage.port());
        const lines = ["Host: x", `Authorization: Bearer ${stage.tokens.acme}`, "Transfer-Encoding: chunked"];
        connection.send(Buffer.from([`POST ${path} HTTP/1.1`, ...lines, "", ""].join("\r\n")));
        const chunk = Buffer.from(`10000\r\n${" ".repeat(0x10000)}\r\n`);
        for (let count = 0; count < 8; count += 1) connection.send(chunk);
        expect([path, (await connection.answer())?.status]).toEqual([path, 413]);
      }
      await alive();
    });

    test("a member twice: one to be looked at, the other to be done", async () => {
      const acme = stage.with("acme");
      const before = await stage.balance("acme:a");
      const bodies = [
        `{"postings":[{"from":"acme:a","from":"${OTHER}","to":"acme:b","amount":1}]}`,
        `{"postings":[{"from":"acme:a","to":"acme:b","to":"${OTHER}","amount":1}]}`,
        `{"postings":[{"from":"acme:a","to":"acme:b","amount":1}],"postings":[{"from":"${OTHER}","to":"acme:b","amount":1}]}`,
        `{"postings":[{"from":"acme:a","\\u0066rom":"${OTHER}","to":"acme:b","amount":1}]}`,
      ];
      for (const body of bodies)
        expect(statusAndProblem(await acme.post("/v1/transactions", body))).toBe("404 account-not-found");
      expect(await stage.balance("acme:a")).toBe(before);
    });

    test("members and ids with the names that each object of JavaScript has", async () => {
      const admin = stage.with("admin");
      const special = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"];
      const value = '{"amount":1,"credit_limit":1000000,"admin":true}';
      for (const name of special) {
        for (const path of posts()) {
          const { status } = await admin.post(path, `{"${name}":${value}}`);
          expect([name, path, status]).toEqual([name, path, 422]);
        }
        const { status } = await admin.get(`/v1/accounts?${name}=x`);
        expect([name, status]).toEqual([name, 422]);
        // As ids and as metadata they are texts like others.
        const opened = await admin.post(
          "/v1/accounts",
          `{"id":"${name}","unit":"BRL/2","metadata":{"${name}":"x"}}`,
        );
        expect([name, opened.status]).toEqual([name, 201]);
        await stage.moved(["@world", name, 5], [name, "acme:b", 2]);
        const { body } = await admin.get(`/v1/accounts/${name}`);
        expect(body).toContain(`"metadata":{"${name}":"x"}`);
        expect(await stage.balance(name)).toBe(3);
        const patched = await admin.send(
          "PATCH",
          `/v1/accounts/${name}`,
          `{"metadata":{"${name}":"y","a":"b"}}`,
        );
        expect(patched.body).toContain(`"${name}":"y"`);
        const moved = await admin.post(
          "/v1/transactions",
          `{"postings":[{"from":"${name}","to":"acme:b","amount":1}],"metadata":{"${name}":"z"}}`,
        );
        expect(moved.body).toContain(`"metadata":{"${name}":"z"}`);
        expect(moved.body).toContain(`"accounts":{"${name}":{"id":"${name}"`);
      }
    });

    test("numbers that are none, or become others: 1e400, -0, 2^53 + 1, 0.99999999999999999, texts", async () => {
      const acme = stage.with("acme");
      const before = await stage.balance("acme:a");
      const numbers = [
        "1e400",
        "-1e400",
        "-0",
        "0",
        "-1",
        "0.99999999999999999999",
        "1.00000000000000000001",
        "9007199254740993",
        "9007199254740992",
        "1e16",
        "1e-400",
        '"1"',
        "[1]",
        "true",
        "null",
        '{"valueOf":1}',
      ];
      for (const number of numbers) {
        const answers = [
          await acme.post(
            "/v1/transactions",
            `{"postings":[{"from":"acme:a","to":"acme:b","amount":${number}}]}`,
          ),
          await acme.post("/v1/holds", `{"from":"acme:a","to":"acme:b","amount":${number}}`),
          await acme.post("/clientes/acme:a/transacoes", `{"valor":${number},"tipo":"d","descricao":"x"}`),
        ];
        expect([number, answers.map(statusAndProblem)]).toEqual([
          number,
          Array(3).fill("422 invalid-fields"),
        ]);
      }
      for (const number of ["NaN", "Infinity", "0x1", "01", "+1", "1_000", "1.", ".5"])
        expect([
          number,
          statusAndProblem(await acme.post("/v1/holds", `{"from":"acme:a","amount":${number}}`)),
        ]).toEqual([number, "400 invalid-json"]);
      expect(await stage.balance("acme:a")).toBe(before);
    });

    test("more than a request may have: 501 commands, 21 postings, 11 conditions, long heads and addresses", async () => {
      const acme = stage.with("acme");
      const before = await stage.balance("acme:a");
      const posting = { from: "acme:a", to: "acme:b", amount: 1 };
      const many = (count: number, what: object) => Array.from({ length: count }, () => what);
      const command = { op: "transaction", body: { postings: [posting] } };
      const tries: readonly (readonly [string, object])[] = [
        ["/v1/batches", { atomic: false, commands: many(501, command) }],
        ["/v1/batches", { atomic: true, commands: many(501, command) }],
        ["/v1/transactions", { postings: many(21, posting) }],
        [
          "/v1/transactions",
          { postings: [posting], conditions: many(11, { account: "acme:a", seq: { gte: 0 } }) },
        ],
      ];
      for (const [path, body] of tries)
        expect([path, statusAndProblem(await acme.post(path, body))]).toEqual([path, "422 invalid-fields"]);
      for (const [path, headers] of [
        ["/v1/accounts/acme:a", { "x-long": "x".repeat(200_000) }],
        [
          "/v1/accounts/acme:a",
          Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`x-${at}`, "x"])),
        ],
        [`/v1/accounts?name=${"x".repeat(200_000)}`, {}],
        [`/v1/accounts/${"a".repeat(200_000)}`, {}],
      ] as const) {
        const { status } = await acme.get(path, headers);
        expect([status, status === 0 || status >= 400]).toEqual([status, true]);
      }
      await alive();
      expect(await stage.balance("acme:a")).toBe(before);
    });

    test("a body that is compressed, in another encoding, or another type than JSON", async () => {
      const acme = stage.with("acme");
      const before = await stage.balance("acme:a");
      const text = '{"postings":[{"from":"acme:a","to":"acme:b","amount":1}]}';
      const bodies: readonly (readonly [Uint8Array, Readonly<Record<string, string>>])[] = [
        [gzipSync(text), { "content-encoding": "gzip" }],
        [gzipSync(" ".repeat(1_000_000) + text), { "content-encoding": "gzip" }],
        [Buffer.from(text, "utf16le"), { "content-type": "application/json; charset=utf-16" }],
        [Buffer.from(text.replace("acme:a", "acme:\xe1"), "latin1"), { "content-type": "text/plain" }],
        [Buffer.from([...Buffer.from('{"postings":"'), 0xc0, 0x80, 0x22, 0x7d]), {}],
        [Buffer.from(`postings=${text}`), { "content-type": "application/x-www-form-urlencoded" }],
        [Buffer.from(`${text}${text}`), {}],
        [Buffer.from(`${text}//`), {}],
      ];
      for (const [body, headers] of bodies)
        expect(statusAndProblem(await acme.post("/v1/transactions", body, headers))).toBe("400 invalid-json");
      expect(await stage.balance("acme:a")).toBe(before);
    });
  });
}
