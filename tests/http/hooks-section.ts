import { describe, expect, test } from "bun:test";
import { formatCursor, parseCursor } from "../../src/events/cursor.ts";
import { A_TIME, type Client, json, type ListBody, nextOf, problem, wrongFields } from "./support/client.ts";

/** Public, so that it is taken. Nothing is sent there: no account has the ids that the webhooks here are for. */
const URL = "https://8.8.8.8/hook";
const NOBODY = "hooks-nobody:*";

const A_SECRET = expect.stringMatching(/^whsec_[A-Za-z0-9+/=]{32,}$/);

interface WebhookBody extends Readonly<Record<string, unknown>> {
  readonly id: string;
  readonly secret: string | null;
  readonly delivered_until: string;
}

interface WatchBody extends Readonly<Record<string, unknown>> {
  readonly id: string;
}

/** Webhooks and watches as they are made, changed and listed. What is sent is for tests/dispatch. */
export function hooksSection(api: Client): void {
  const made = async (more: object = {}): Promise<WebhookBody> =>
    json<WebhookBody>(await api.post("/v1/webhooks", { url: URL, accounts: [NOBODY], ...more }), 201);
  const watched = async (more: object = { account: "hooks-nobody" }): Promise<WatchBody> =>
    json<WatchBody>(await api.post("/v1/watches", { available_lt: 100, ...more }), 201);
  const change = (id: string, body: unknown, headers = {}) =>
    api.send("PATCH", `/v1/webhooks/${id}`, body, headers);
  const gone = async (path: string): Promise<void> => {
    const reply = await api.send("DELETE", path);
    expect([reply.status, await reply.text()]).toEqual([204, ""]);
  };
  const key = () => ({ "idempotency-key": crypto.randomUUID() });

  /** The ids of a list, two a page. */
  async function idsIn(path: string): Promise<string[]> {
    const ids: string[] = [];
    for (let next: string | null = `${path}?limit=2`; next !== null;) {
      const reply: Response = await api.get(next);
      next = nextOf(reply);
      const { data } = await json<ListBody<{ readonly id: string }>>(reply, 200);
      expect(data.length).toBeLessThanOrEqual(2);
      ids.push(...data.map(({ id }) => id));
    }
    expect(ids).toEqual([...new Set(ids)].toSorted());
    return ids;
  }

  describe("webhooks", () => {
    test("is made, told its secret once, and read without it", async () => {
      const reply = await api.post("/v1/webhooks", {
        url: URL,
        types: ["hold.expired"],
        accounts: ["hooks-1", NOBODY],
      });
      const { secret, ...webhook } = await json<WebhookBody>(reply, 201);
      expect(reply.headers.get("location")).toBe(`/v1/webhooks/${webhook.id}`);
      expect(secret).toEqual(A_SECRET);
      expect(webhook).toEqual({
        id: webhook.id,
        url: URL,
        types: ["hold.expired"],
        accounts: ["hooks-1", NOBODY],
        state: "active",
        reason: null,
        failing_since: null,
        delivered_until: expect.any(String),
        backlog: 0,
        created_at: A_TIME,
      });
      const { delivered_until: until, ...read } = await json<WebhookBody>(
        await api.get(`/v1/webhooks/${webhook.id}`),
        200,
      );
      expect({ ...webhook, delivered_until: until }).toEqual({ ...read, delivered_until: until });
      // It is a cursor of /v1/events.
      await json(await api.get(`/v1/events?after=${until}`), 200);
      await gone(`/v1/webhooks/${webhook.id}`);
    });

    test("is changed: what is left out stays, null is all", async () => {
      const { id } = await made({ types: ["hold.expired"] });
      const paused = await json(await change(id, { state: "paused" }), 200);
      expect(paused).toMatchObject({ id, state: "paused", reason: "asked", types: ["hold.expired"] });
      expect(paused).not.toHaveProperty("secret");
      const other = { url: "https://8.8.4.4:8443/x", types: null, accounts: ["hooks-nobody"] };
      expect(await json(await change(id, other), 200)).toMatchObject({ ...other, state: "paused" });
      const active = await json(await change(id, { state: "active" }), 200);
      expect(active).toMatchObject({ ...other, state: "active", reason: null });
      expect(await json(await api.get(`/v1/webhooks/${id}`), 200)).toMatchObject({
        ...other,
        state: "active",
      });
      await gone(`/v1/webhooks/${id}`);
    });

    test("gets a new secret", async () => {
      const { id, secret } = await made();
      const again = await json<WebhookBody>(await api.post(`/v1/webhooks/${id}/secret`), 200);
      expect(again.secret).toEqual(A_SECRET);
      expect(again.id).toBe(id);
      expect(again.secret).not.toBe(secret);
      await gone(`/v1/webhooks/${id}`);
    });

    test("is replayed from a cursor or a time, and active then", async () => {
      const { id, delivered_until: after } = await made();
      for (const from of [{ after }, { from: "2024-01-01T00:00:00Z" }]) {
        await json(await change(id, { state: "paused" }), 200);
        const replayed = await json<WebhookBody>(await api.post(`/v1/webhooks/${id}/replay`, from), 202);
        expect(replayed).toMatchObject({ id, state: "active", reason: null, backlog: 0 });
        expect(parseCursor(replayed.delivered_until)).not.toBeNull();
      }
      const lost = (parseCursor(after) ?? []).map((one) => ({ ...one, g: 0, seen: null, mark: 1 }));
      const reply = await api.post(`/v1/webhooks/${id}/replay`, { after: formatCursor(lost) });
      expect(await problem(reply, 410, "cursor-gone")).toMatchObject({ shard: 0 });
      await gone(`/v1/webhooks/${id}`);
    });

    test("are listed page by page, and what was sent by each", async () => {
      const ids = (await Promise.all([made(), made(), made()])).map(({ id }) => id);
      const listed = await idsIn("/v1/webhooks");
      expect(listed).toEqual(expect.arrayContaining(ids));
      for (const id of ids) {
        const sent = `/v1/webhooks/${id}/deliveries`;
        for (const query of ["", "?state=waiting", "?state=delivered", "?state=parked&limit=1"])
          expect(await json(await api.get(sent + query), 200)).toEqual({ data: [], next: null });
        await gone(`/v1/webhooks/${id}`);
        await problem(await api.get(sent), 404, "webhook-not-found");
      }
      expect(await idsIn("/v1/webhooks")).toEqual(listed.filter((id) => !ids.includes(id)));
    });

    test("that are not there are 404, whatever is asked of them", async () => {
      const { id } = await made();
      await gone(`/v1/webhooks/${id}`);
      for (const path of [`/v1/webhooks/${id}`, "/v1/webhooks/nothing", "/v1/webhooks/%00"]) {
        for (const reply of [
          await api.get(path),
          await api.get(`${path}/deliveries`),
          await api.send("DELETE", path),
          await api.send("PATCH", path, { state: "paused" }),
          await api.post(`${path}/secret`, {}),
          await api.post(`${path}/replay`, { from: "2024-01-01T00:00:00Z" }),
        ])
          await problem(reply, 404, "webhook-not-found");
      }
    });

    test("with wrong fields are 422, and stay as they are", async () => {
      const { id } = await made();
      const wrong = async (body: unknown) => wrongFields(await api.post("/v1/webhooks", body));
      expect(await wrong({})).toEqual(["#/url"]);
      expect(await wrong({ url: 5, types: ["x"], accounts: [], secret: "s" })).toEqual(
        expect.arrayContaining(["#/url", "#/types/0", "#/accounts", "#/secret"]),
      );
      for (const url of ["http://8.8.8.8/", "https://10.0.0.1/", "https://localhost/", "https://[::1]/"]) {
        expect(await wrong({ url })).toEqual(["#/url"]);
        expect(await wrongFields(await change(id, { url }))).toEqual(["#/url"]);
      }
      expect(await wrongFields(await change(id, { state: "parked", accounts: ["*"] }))).toEqual(
        expect.arrayContaining(["#/state", "#/accounts/0"]),
      );
      const replayed = async (body: unknown) =>
        wrongFields(await api.post(`/v1/webhooks/${id}/replay`, body));
      expect(await replayed({})).toEqual(["#"]);
      expect(await replayed({ after: "x", from: "2024-01-01T00:00:00Z" })).toEqual(["#"]);
      expect(await replayed({ from: "yesterday" })).toEqual(["#/from"]);
      expect(await replayed({ after: "x" })).toEqual(["#/after"]);
      expect(await wrongFields(await api.post(`/v1/webhooks/${id}/secret`, { secret: "mine" }))).toEqual([
        "#/secret",
      ]);
      const now = await json(await api.get(`/v1/webhooks/${id}`), 200);
      expect(now).toMatchObject({ url: URL, accounts: [NOBODY], state: "active" });
      await gone(`/v1/webhooks/${id}`);
    });
  });

  describe("watches", () => {
    test("is made for an account or a prefix, and read", async () => {
      for (const of of [
        { account: "hooks-nobody", prefix: null },
        { account: null, prefix: "hooks-nobody:" },
      ]) {
        const reply = await api.post("/v1/watches", { ...of, available_lt: -5 });
        const watch = await json<WatchBody>(reply, 201);
        expect(reply.headers.get("location")).toBe(`/v1/watches/${watch.id}`);
        expect(watch).toEqual({
          id: watch.id,
          ...of,
          available_lt: -5,
          created_at: A_TIME,
          armed: false,
        });
        const read = await json(await api.get(`/v1/watches/${watch.id}`), 200);
        expect(read).toEqual({ ...watch, armed: expect.any(Boolean) });
        await gone(`/v1/watches/${watch.id}`);
      }
    });

    test("are listed page by page, and when each was crossed", async () => {
      const ids = (await Promise.all([watched(), watched(), watched()])).map(({ id }) => id);
      const listed = await idsIn("/v1/watches");
      expect(listed).toEqual(expect.arrayContaining(ids));
      for (const id of ids) {
        const crossings = `/v1/watches/${id}/crossings`;
        expect(await json(await api.get(`${crossings}?limit=1`), 200)).toEqual({ data: [], next: null });
        await gone(`/v1/watches/${id}`);
        for (const reply of [
          await api.get(crossings),
          await api.get(`/v1/watches/${id}`),
          await api.send("DELETE", `/v1/watches/${id}`),
        ])
          await problem(reply, 404, "watch-not-found");
      }
      expect(await idsIn("/v1/watches")).toEqual(listed.filter((id) => !ids.includes(id)));
    });

    test("with wrong fields are 422", async () => {
      const wrong = async (body: unknown) => wrongFields(await api.post("/v1/watches", body));
      expect(await wrong({ account: "hooks-nobody" })).toEqual(["#/available_lt"]);
      expect(await wrong({ account: "a b", available_lt: 0.5, unit: "BRL/2" })).toEqual(
        expect.arrayContaining(["#/account", "#/available_lt", "#/unit"]),
      );
      expect(await wrong({ available_lt: 1 })).toEqual(["#"]);
      expect(await wrong({ account: "a", prefix: "a", available_lt: 1 })).toEqual(["#"]);
    });
  });

  describe("webhooks and watches", () => {
    test("are made and changed once for each Idempotency-Key, and the secret is not told again", async () => {
      const { id } = await made();
      const { id: other } = await made();
      const commands: [string, string, object, object][] = [
        ["POST", "/v1/webhooks", { url: URL, accounts: [NOBODY] }, { url: URL, accounts: ["hooks-other"] }],
        ["PATCH", `/v1/webhooks/${id}`, { state: "paused" }, { state: "active" }],
        [
          "POST",
          `/v1/webhooks/${id}/replay`,
          { from: "2024-01-01T00:00:00Z" },
          { from: "2025-01-01T00:00:00Z" },
        ],
        [
          "POST",
          "/v1/watches",
          { account: "hooks-1", available_lt: 1 },
          { account: "hooks-1", available_lt: 2 },
        ],
      ];
      const before = [await idsIn("/v1/webhooks"), await idsIn("/v1/watches")];
      for (const [method, path, body, changed] of commands) {
        const headers = key();
        const first = await api.send(method, path, body, headers);
        expect(first.headers.has("idempotency-replayed")).toBe(false);
        const again = await api.send(method, path, body, headers);
        expect(again.headers.get("idempotency-replayed")).toBe("true");
        expect(again.headers.get("location")).toBe(first.headers.get("location"));
        const told = await json(first, again.status);
        if (path === "/v1/webhooks") expect(told["secret"]).toEqual(A_SECRET);
        expect(await json(again, first.status)).toEqual(
          path === "/v1/webhooks" ? { ...told, secret: null } : told,
        );
        await problem(await api.send(method, path, changed, headers), 422, "idempotency-key-reused");
        // It may neither be used for something else.
        await problem(
          await api.post(`/v1/webhooks/${other}/secret`, {}, headers),
          422,
          "idempotency-key-reused",
        );
        const place = first.headers.get("location");
        if (place !== null) await gone(place);
      }
      const headers = key();
      const rotated = await json(await api.post(`/v1/webhooks/${id}/secret`, {}, headers), 200);
      expect(rotated["secret"]).toEqual(A_SECRET);
      const repeated = await json(await api.post(`/v1/webhooks/${id}/secret`, {}, headers), 200);
      expect(repeated).toEqual({ ...rotated, secret: null });
      expect([await idsIn("/v1/webhooks"), await idsIn("/v1/watches")]).toEqual(before);
      for (const one of [id, other]) await gone(`/v1/webhooks/${one}`);
    });

    test("take no body that is no JSON or too large, no key that is none, and no query", async () => {
      const { id } = await made();
      const { id: watch } = await watched();
      for (const [method, path, body] of [
        ["POST", "/v1/webhooks", { url: URL, accounts: [NOBODY] }],
        ["PATCH", `/v1/webhooks/${id}`, { state: "paused" }],
        ["POST", `/v1/webhooks/${id}/secret`, {}],
        ["POST", `/v1/webhooks/${id}/replay`, { from: "2024-01-01T00:00:00Z" }],
        ["POST", "/v1/watches", { account: "hooks-1", available_lt: 1 }],
      ] as const) {
        await problem(await api.send(method, path, "{"), 400, "invalid-json");
        await problem(await api.send(method, path, " ".repeat(8193)), 413, "body-too-large");
        const wrong = { "idempotency-key": "no key" };
        await problem(await api.send(method, path, body, wrong), 400, "invalid-idempotency-key");
        expect(await wrongFields(await api.send(method, `${path}?x=1`, body))).toEqual(["x"]);
      }
      for (const path of [`/v1/webhooks/${id}`, `/v1/watches/${watch}`]) {
        expect(await wrongFields(await api.get(`${path}?x=1`))).toEqual(["x"]);
        expect(await wrongFields(await api.send("DELETE", `${path}?x=1`))).toEqual(["x"]);
      }
      const lists = [
        "/v1/webhooks",
        `/v1/webhooks/${id}/deliveries`,
        "/v1/watches",
        `/v1/watches/${watch}/crossings`,
      ];
      for (const path of lists) {
        expect(await wrongFields(await api.get(`${path}?limit=0`))).toEqual(["limit"]);
        expect(await wrongFields(await api.get(`${path}?cursor=x`))).toEqual(["cursor"]);
      }
      expect(await wrongFields(await api.get(`/v1/webhooks/${id}/deliveries?state=lost`))).toEqual(["state"]);
      // All of it has changed nothing.
      const now = await json(await api.get(`/v1/webhooks/${id}`), 200);
      expect(now).toMatchObject({ state: "active" });
      await gone(`/v1/webhooks/${id}`);
      await gone(`/v1/watches/${watch}`);
    });
  });
}
