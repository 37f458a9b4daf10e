import { describe, expect, test } from "bun:test";
import { OTHER, type Stage, statusAndProblem } from "./support/stage.ts";

/** Texts of clients that would be something else where they are kept, or where they are read. */
export function textsSection(stage: Stage): void {
  describe("texts", () => {
    test("a text that is an event of its own in the journal, or ends the one that it is in", async () => {
      const acme = stage.with("acme");
      const texts = [
        "x\nc globex:a 9 1 9 9 0 key:x y",
        "x\r\nm 1 2 3",
        "m 1 2 3",
        `"}],"metadata":{}} x`,
        " - - / // key:a hidden",
        "\t\u2028\u2029\u0085\u0001\u001b[31m",
        '{a,"b\\\\",NULL}',
        "'); DROP TABLE journal; --",
        "$1 %s ${x} \\0 \\x00",
        "\u202egnp.exe",
        "\u{1f4b8}".repeat(30),
      ];
      for (const description of texts) {
        const metadata = { [description.slice(0, 40)]: description };
        const moved = await acme.post("/v1/transactions", {
          postings: [{ from: "acme:a", to: "acme:b", amount: 1 }],
          description,
          metadata,
          reference: "a\"b\\c,d/e;f'g|h{i}",
        });
        expect([description, moved.status]).toEqual([description, 201]);
        expect(moved.json).toMatchObject({ description, metadata });
        const short = Array.from(description).slice(0, 10).join("");
        const credit = { valor: 1, tipo: "c", descricao: short };
        expect((await acme.post("/clientes/acme:b/transacoes", credit)).status).toBe(200);
        const { json } = await acme.get("/v1/accounts/acme:b/entries?limit=2");
        expect(json["data"]).toMatchObject([{ description: short }, { description }]);
        const named = await acme.send("PATCH", "/v1/accounts/acme:b", { name: description });
        expect(named.json).toMatchObject({ name: description });
      }
      // That what is kept still agrees is looked at when all attacks are over.
    });

    test("NUL, lone surrogates, and separators where the journal has some: in ids, units, keys, references", async () => {
      const acme = stage.with("acme");
      const posting = { from: "acme:a", to: "acme:b", amount: 1 };
      for (const text of ["a\0b", "\ud800", "\udc00\ud800"]) {
        for (const more of [{ description: text }, { metadata: { a: text } }, { metadata: { [text]: "a" } }])
          expect(
            statusAndProblem(await acme.post("/v1/transactions", { postings: [posting], ...more })),
          ).toBe("422 invalid-fields");
        const named = await acme.send("PATCH", "/v1/accounts/acme:a", { name: text });
        expect(statusAndProblem(named)).toBe("422 invalid-fields");
      }
      for (const text of ["a b", "a\nb", "a\tb", "a/b", "a@b", "a,b", "\u00e9"]) {
        for (const body of [
          { id: `acme:${text}`, unit: "BRL/2" },
          { id: "acme:n", unit: `A${text}` },
        ])
          expect([body, statusAndProblem(await acme.post("/v1/accounts", body))]).toEqual([
            body,
            "422 invalid-fields",
          ]);
        if (!/^[!-~]+$/.test(text))
          expect(
            statusAndProblem(await acme.post("/v1/transactions", { postings: [posting], reference: text })),
          ).toBe("422 invalid-fields");
      }
      for (const key of ["a b", "a\tb", "\x01", "\xe9", "a, b"]) {
        const { status } = await acme.post(
          "/v1/transactions",
          { postings: [posting] },
          { "idempotency-key": key },
        );
        expect([key, status]).toEqual([key, 400]);
      }
    });

    test("formulas in what is read as CSV, and texts that end its fields", async () => {
      const texts = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        '=HYPERLINK("http://x","y")',
        "a,b\r\n9,9,9",
        '"',
        "\t=1",
      ];
      for (const description of texts)
        await stage.made("/v1/transactions", {
          postings: [{ from: "acme:a", to: "acme:b", amount: 1 }],
          description,
          reference: "=1+1",
        });
      const path = `/v1/accounts/acme:b/entries?limit=${texts.length}&order=desc`;
      const { headers, body } = await stage.with("acme").get(path, { accept: "text/csv" });
      expect(headers.get("content-type")).toStartWith("text/csv");
      // They come as they were sent, since programs read them: each in its own field, none ends one.
      const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      const rows = texts.toReversed().map(quoted);
      for (const row of rows) expect(body).toContain(`,${row},=1+1,`);
      expect(body).not.toContain(OTHER);
    });
  });
}
