import { describe, expect, test } from "bun:test";
import { type Client, json, problem } from "../support/client.ts";
import { hasHooks, refusedAsAny } from "../support/refused-as-any.ts";

/** Routes of watches as the document has them; when one is crossed has tests of its own. */
export function watchesSection(api: Client): void {
  describe("watches", () => {
    const watch = { prefix: "nobody:", available_lt: 100 };

    test("are made, read and deleted", async () => {
      if (!(await hasHooks(api))) return;
      const { id } = await json(await api.post("/v1/watches", watch), 201);
      const path = `/v1/watches/${String(id)}`;
      expect(await json(await api.get(path), 200)).toMatchObject({ id, ...watch, account: null });
      expect(await json(await api.get("/v1/watches"), 200)).toMatchObject({
        data: expect.arrayContaining([expect.objectContaining({ id })]),
      });
      expect(await json(await api.get(`${path}/crossings`), 200)).toMatchObject({ data: [] });
      for (const [method, end] of [
        ["GET", ""],
        ["GET", "/crossings"],
        ["DELETE", ""],
      ] as const)
        await problem(await api.send(method, `${path}${end}?what=1`), 422, "invalid-fields");
      expect((await api.send("DELETE", path)).status).toBe(204);
      await problem(await api.get(path), 404, "watch-not-found");
    });

    test("that are not there, and requests for them that are wrong", async () => {
      if (!(await hasHooks(api))) return;
      await refusedAsAny(api, "POST", "/v1/watches", watch);
      await problem(await api.get("/v1/watches?what=1"), 422, "invalid-fields");
      for (const [method, end] of [
        ["GET", ""],
        ["GET", "/crossings"],
        ["DELETE", ""],
      ] as const)
        await problem(await api.send(method, `/v1/watches/nothing${end}`), 404, "watch-not-found");
    });
  });
}
