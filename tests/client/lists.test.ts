import { describe, expect, test } from "bun:test";
import { Razonete } from "../../client/src/razonete.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { problem, type Reply, ScriptedServer } from "./support/scripted-server.ts";

/** Lists, page by page, and batches, command by command. */

failOnLeaks();

const page = (ids: readonly string[], next: string | null): Reply => ({
  status: 200,
  body: { data: ids.map((id) => ({ id })), next },
});

describe("a list", () => {
  test("is walked through page by page, with the same filter", async () => {
    await using server = await ScriptedServer.start(
      page(["a", "b"], "c+1"),
      { status: 502 },
      page([], "c2"),
      page(["c"], null),
    );
    const ledger = new Razonete({ url: server.url });
    const ids: string[] = [];
    const filter = { unit: "BRL/2", limit: 2, balance_gt: -5, metadata: { plan: "pro & more" } };
    for await (const { id } of ledger.accounts.list(filter)) ids.push(id);
    expect(ids).toEqual(["a", "b", "c"]);
    const first = "/v1/accounts?unit=BRL%2F2&limit=2&balance_gt=-5&metadata.plan=pro+%26+more";
    const second = `${first}&cursor=c%2B1`;
    expect(server.requests.map(({ path }) => path)).toEqual([first, second, second, `${first}&cursor=c2`]);
  });

  test("asks for no more than what is looked at", async () => {
    await using server = await ScriptedServer.start(page(["a", "b"], "c1"));
    const ledger = new Razonete({ url: server.url });
    for await (const { id } of ledger.holds.list()) if (id === "b") break;
    expect(server.requests.length).toBe(1);
  });

  test("goes on at a cursor, and can be walked through again", async () => {
    await using server = await ScriptedServer.start(page(["a"], "c1"), page(["b"], null), page(["b"], null));
    const list = new Razonete({ url: server.url }).transactions.list({ from: new Date(0) });
    const first = await list.page();
    const rest = new Razonete({ url: server.url }).transactions.list({
      from: new Date(0),
      cursor: first.next ?? "",
    });
    expect((await rest.all()).map(({ id }) => id)).toEqual(["b"]);
    expect((await rest.all()).map(({ id }) => id)).toEqual(["b"]);
    expect(server.requests.map(({ path }) => path)).toEqual([
      "/v1/transactions?from=1970-01-01T00%3A00%3A00.000Z",
      "/v1/transactions?from=1970-01-01T00%3A00%3A00.000Z&cursor=c1",
      "/v1/transactions?from=1970-01-01T00%3A00%3A00.000Z&cursor=c1",
    ]);
  });

  test("of a server that leads back to the same page is not walked through for ever", async () => {
    await using server = await ScriptedServer.start(page(["a"], "c1"));
    const all = new Razonete({ url: server.url }).accounts.list().all();
    expect(all).rejects.toMatchObject({ type: "not-done", message: expect.stringMatching(/same page/) });
    await all.catch(() => {});
    expect(server.requests.length).toBe(2);
  });

  test.each([
    { data: null, next: null },
    { data: "abc", next: null },
    { data: [], next: "" },
    { data: [], next: 5 },
    { data: [] },
  ])("is none where the answer is %j", async (body) => {
    await using server = await ScriptedServer.start({ status: 200, body }, page(["a"], null));
    const ids = await new Razonete({ url: server.url }).accounts.list().all();
    expect(ids.map(({ id }) => id)).toEqual(["a"]);
    expect(server.requests.length).toBe(2);
  });

  test("that cannot be read throws where it is walked through", async () => {
    await using server = await ScriptedServer.start(problem(404, "account-not-found"));
    expect(new Razonete({ url: server.url }).accounts.entries("nobody").all()).rejects.toMatchObject({
      reason: "account-not-found",
    });
  });
});

describe("a batch", () => {
  const open = { op: "account", body: { id: "acme", unit: "CREDITS" } } as const;
  const hold = { op: "hold", body: { from: "acme", amount: 5 } } as const;
  const [done, refused, undecided] = [
    { status: 201, body: { id: "acme", unit: "CREDITS" } },
    { status: 422, body: problem(422, "limit-exceeded").body },
    { status: 503, body: problem(503, "ledger-unavailable", { outcome: "unknown" }).body },
  ];
  const results = (...all: readonly unknown[]): Reply => ({ status: 200, body: { results: all } });

  test("tells of each command what became of it", async () => {
    await using server = await ScriptedServer.start(results({ ...done, replayed: true }, refused));
    const ledger = new Razonete({ url: server.url });
    const [account, held] = await ledger.batches.create({ atomic: false, commands: [open, hold] });
    expect(account).toEqual({ type: "done", value: Object(done?.body), replayed: true });
    // Each has the type of its own op.
    if (account.type === "done") expect(account.value.unit).toBe("CREDITS");
    expect(held).toMatchObject({ type: "refused", reason: "limit-exceeded" });
    if (held.type === "done") expect(held.value.expires_at).toBeString();
  });

  test("is sent again, as it was, until each is decided", async () => {
    await using server = await ScriptedServer.start(results(undecided, refused), results(done, refused));
    const ledger = new Razonete({ url: server.url });
    const sent = ledger.batches.create({ atomic: false, commands: [open, hold] });
    expect((await sent).map(({ type }) => type)).toEqual(["done", "refused"]);
    expect(server.keys).toEqual([sent.key, sent.key]);
    expect(server.requests[1]?.body).toBe(String(server.requests[0]?.body));
  });

  test("that is not decided whole at the deadline is unknown, and tells what is known", async () => {
    await using server = await ScriptedServer.start(results(done, undecided));
    const ledger = new Razonete({ url: server.url, deadlineMs: 300 });
    const outcome = await ledger.batches.create({ atomic: false, commands: [open, hold] }).outcome();
    if (outcome.type !== "unknown") throw new Error(outcome.type);
    expect(outcome.partly?.map(({ type }) => type)).toEqual(["done", "undecided"]);
    await using later = await ScriptedServer.start(results(done, refused));
    const settled = await new Razonete({ url: later.url }).settle(outcome.request);
    expect(settled.map(({ type }) => type)).toEqual(["done", "refused"]);
  });

  test("that is all or none and was refused is refused as a whole", async () => {
    await using server = await ScriptedServer.start(problem(422, "limit-exceeded", { index: 1, posting: 0 }));
    const sent = new Razonete({ url: server.url }).batches.create({ atomic: true, commands: [open, hold] });
    expect(sent).rejects.toMatchObject({ reason: "limit-exceeded", index: 1 });
  });
});
