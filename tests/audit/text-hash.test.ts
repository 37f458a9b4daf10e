import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TextHash } from "../../src/audit/journal/text-hash.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { AuditedCluster } from "./support/audited-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("an audit's PostgreSQL", () => {
  let system: AuditedCluster;

  beforeAll(async () => {
    system = await AuditedCluster.start();
  });

  afterAll(() => system[Symbol.asyncDispose]());

  test("books without a journal cannot be audited", async () => {
    const { sql } = system.books;
    await sql`ALTER TABLE journal RENAME TO elsewhere`;
    const refused: unknown = await system.audit().catch((error: unknown) => error);
    await sql`ALTER TABLE elsewhere RENAME TO journal`;
    expect(refused).toMatchObject({ exitCode: 2, message: expect.stringContaining("has no journal") });
  });
  test("texts are hashed as PostgreSQL does it", async () => {
    const alphabet = "aé€😀xyz 0123456789 ";
    for (const seed of [1n, -5n, 0x123456789abcdef0n, -(2n ** 62n)]) {
      const hash = new TextHash(seed);
      const lengths = Array.from({ length: 60 }, (_, length) => length);
      const texts = lengths.map((length) => Array.from(alphabet.repeat(5)).slice(0, length).join(""));
      const rows = await system.books.sql<{ hash: string }[]>`
        SELECT (hashtextextended(text, ${String(seed)}::text::bigint) & 9007199254740991)::text AS hash
        FROM json_array_elements_text(${JSON.stringify(texts)}::text::json) AS t (text)`;
      expect(rows.map((one) => one.hash)).toEqual(texts.map((text) => String(hash.ofText(text))));
    }
  });
});
