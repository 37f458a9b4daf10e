import { describe, expect, test } from "bun:test";
import { formatCursor, parseCursor } from "../../../src/events/cursor.ts";
import { type Client, json, problem } from "../support/client.ts";
import { hasHooks, refusedAsAny } from "../support/refused-as-any.ts";

/** It is never sent to: nothing is decided for these accounts. */
const WEBHOOK = { url: "https://hooks.example/told", accounts: ["nobody:*"] };

/** Routes of webhooks as the document has them; what is sent, and when, has tests of its own. */
export function webhooksSection(api: Client): void {
  describe("webhooks", () => {
    const make = async (): Promise<string> =>
      String((await json(await api.post("/v1/webhooks", WEBHOOK), 201))["id"]);

    test("are made, read, changed and deleted", async () => {
      if (!(await hasHooks(api))) return;
      const id = await make();
      const path = `/v1/webhooks/${id}`;
      expect(await json(await api.get(path), 200)).toMatchObject({ id, ...WEBHOOK, state: "active" });
      expect(await json(await api.get("/v1/webhooks"), 200)).toMatchObject({
        data: expect.arrayContaining([expect.objectContaining({ id })]),
      });
      expect(await json(await api.send("PATCH", path, { state: "paused" }), 200)).toMatchObject({
        id,
        state: "paused",
      });
      const { secret } = await json(await api.post(`${path}/secret`, {}), 200);
      expect(secret).toStartWith("whsec_");
      expect(await json(await api.get(`${path}/deliveries`), 200)).toMatchObject({ data: [] });
      const { next } = await json(await api.get("/v1/events?after=latest"), 200);
      await json(await api.post(`${path}/replay`, { after: next }), 202);
      const gone = (parseCursor(String(next)) ?? []).map((one) => ({ ...one, g: 0, seen: null, mark: 1 }));
      await problem(await api.post(`${path}/replay`, { after: formatCursor(gone) }), 410, "cursor-gone");
      expect((await api.send("DELETE", path)).status).toBe(204);
      await problem(await api.get(path), 404, "webhook-not-found");
    });

    test("that are not there, and requests for them that are wrong", async () => {
      if (!(await hasHooks(api))) return;
      const { next } = await json(await api.get("/v1/events?after=latest"), 200);
      const id = await make();
      const none = "/v1/webhooks/nothing";
      await refusedAsAny(api, "POST", "/v1/webhooks", WEBHOOK);
      for (const [method, end, body] of [
        ["PATCH", "", { state: "active" }],
        ["POST", "/secret", {}],
        ["POST", "/replay", { after: next }],
      ] as const) {
        await refusedAsAny(api, method, `/v1/webhooks/${id}${end}`, body);
        await problem(await api.send(method, none + end, body), 404, "webhook-not-found");
      }
      for (const [method, end] of [
        ["GET", ""],
        ["DELETE", ""],
        ["GET", "/deliveries"],
      ] as const) {
        await problem(await api.send(method, none + end), 404, "webhook-not-found");
        await problem(await api.send(method, `/v1/webhooks/${id}${end}?what=1`), 422, "invalid-fields");
      }
      await problem(await api.get("/v1/webhooks?what=1"), 422, "invalid-fields");
      expect((await api.send("DELETE", `/v1/webhooks/${id}`)).status).toBe(204);
    });
  });
}
