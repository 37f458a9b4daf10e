import { describe, expect, test } from "bun:test";
import { formatCursor, startOf } from "../../src/events/cursor.ts";
import { eventually } from "../support/eventually.ts";
import { NOBODY, OTHER, type Stage } from "./support/stage.ts";

/** Whoever follows the ledger learns no more than who asks for each thing by itself. */
export function eventsSection(stage: Stage): void {
  describe("events", () => {
    /** All that this key is told. */
    async function allOf(name: "acme" | "events"): Promise<string> {
      let all = "";
      for (let after = ""; ;) {
        const { status, body: text } = await stage.with(name).get(`/v1/events?limit=100${after}`);
        expect(status).toBe(200);
        const { data, next }: { data: unknown[]; next: string } = JSON.parse(text);
        if (data.length === 0) return all;
        all += text;
        after = `&after=${next}`;
      }
    }

    test("events of others, with a key for some accounts", async () => {
      await eventually("what it shares is told", async () => (await allOf("acme")).includes(stage.mixed));
      const told = await allOf("acme");
      expect(told).toContain('"acme:b"');
      for (const secret of ["globex", stage.other, stage.otherHold]) expect(told).not.toContain(secret);
      expect(await allOf("events")).toContain(stage.other);
      const asked = async (account: string, accept: string) => {
        const { status, body: text } = await stage.with("acme").get(`/v1/events?account=${account}`, { accept });
        return [status, text.replaceAll(account, "")];
      };
      for (const accept of ["text/event-stream", "application/json"]) {
        expect(await asked(OTHER, accept)).toEqual(await asked(NOBODY, accept));
        expect((await asked(OTHER, accept))[0]).toBe(404);
      }
    });

    test("a cursor of events that was made up, to crash it, or to see what is not for the key", async () => {
      const made = [
        ...[0, 1, 9_007_199_254_740_990].map((g) => formatCursor([{ shard: 0, g, seen: 1, mark: 7 }])),
        formatCursor(startOf(64)),
        "AQ",
        "latest,latest",
        "A".repeat(4_000),
        "../../etc/passwd",
        "%00",
      ];
      for (const cursor of made) {
        const { status } = await stage.with("acme").get(`/v1/events?after=${cursor}`);
        expect([cursor, status === 422 || status === 410]).toEqual([cursor, true]);
      }
    });
  });
}
