import { expect } from "bun:test";
import { Razonete, RefusedError, verifyWebhook, WebhookError } from "../../client/src/razonete.ts";
import { eventually } from "../support/eventually.ts";

/** A receiver on this machine, which has to be allowed: WEBHOOK_INNER. */
export const INNER_ALLOWED = { WEBHOOK_INNER: "allow" };

/** The whole life of a webhook and a watch, by the client alone, against a ledger that sends in earnest. */
export async function lifeOfAWebhook(url: string): Promise<void> {
  const ledger = new Razonete({ url });
  const secrets: string[] = [];
  const got: { readonly id: string; readonly type: string; readonly seq: number | undefined }[] = [];
  const refusedOnce = new Set<string>();
  await using receiver = receive(async (headers, body) => {
    const [secret = "", former = secret] = secrets;
    const event = await verifyWebhook(secret, headers, body);
    // For 24 hours the former one signs as well.
    expect(await verifyWebhook(former, headers, body)).toEqual(event);
    if (event.type === "hold.created" && !refusedOnce.has(event.id)) {
      refusedOnce.add(event.id);
      return false;
    }
    const states = "accounts" in event.data ? event.data.accounts : {};
    got.push({ id: event.id, type: event.type, seq: states["hook:a"]?.seq });
    return true;
  });

  const { id, secret, state } = await ledger.webhooks.create({ url: receiver.url, accounts: ["hook:*"] });
  expect([state, secret]).toEqual(["active", expect.stringMatching(/^whsec_/)]);
  secrets.push(secret ?? "");
  const watch = await ledger.watches.create({ account: "hook:a", available_lt: 100 });
  await eventually("the watch looks", async () => (await ledger.watches.get(watch.id)).armed);

  await ledger.accounts.open({ id: "hook:a", unit: "CREDITS" });
  await ledger.accounts.open({ id: "other", unit: "CREDITS" });
  await ledger.transactions.create({ postings: [{ from: "@world", to: "hook:a", amount: 500 }] });
  await ledger.withHold("hook:a", 450, async () => 50);
  const decided = ["account.opened", "transaction.created", "hold.created", "hold.captured"];
  // An account that is opened with nothing has not come to be below; the hold makes it so.
  const types = [...decided, "watch.crossed"];
  const all = () => got.map(({ type }) => type);
  await eventually("all is sent", () => got.length >= types.length, all);
  expect(all().toSorted()).toEqual(types.toSorted());
  // In order for the account, though one of them was refused at first.
  expect(all().filter((type) => type !== "watch.crossed")).toEqual(decided);
  const events = (await ledger.events.list({ account: "hook:a" })).data;
  expect(got.filter(({ type }) => type !== "watch.crossed").map((one) => one.id)).toEqual(
    events.map((event) => event.id),
  );

  const crossings = await ledger.watches.crossings(watch.id).all();
  expect(crossings.map(({ event, account }) => [event, account.available])).toEqual([
    [events[2]?.id ?? "", 50],
  ]);
  await eventually("all is noted", async () => (await ledger.webhooks.get(id)).backlog === 0);
  const deliveries = await ledger.webhooks.deliveries(id, { state: "delivered", limit: 2 }).all();
  expect(deliveries.length).toBe(types.length);
  const twice = deliveries.find(({ type }) => type === "hold.created");
  expect(twice?.attempts.map(({ status }) => status)).toEqual([503, 204]);
  expect(twice?.event).toBe(events[2]?.id ?? "");

  const rotated = await ledger.webhooks.rotate(id);
  secrets.unshift(rotated.secret ?? "");
  expect(new Set(secrets).size).toBe(2);
  await ledger.webhooks.replay(id, { from: new Date(Date.parse(events[0]?.at ?? "") - 1) });
  await eventually("all is sent again", () => new Set(all().slice(types.length)).size === types.length, all);
  expect(new Set(got.map((one) => one.id)).size).toBe(types.length);

  expect(await ledger.webhooks.change(id, { state: "paused" })).toMatchObject({
    state: "paused",
    reason: "asked",
  });
  expect((await ledger.webhooks.list().all()).map((one) => one.id)).toEqual([id]);
  await ledger.webhooks.remove(id);
  await ledger.watches.remove(watch.id);
  expect(await ledger.webhooks.list().all()).toEqual([]);
  expect(await ledger.watches.list().all()).toEqual([]);
  expect(ledger.webhooks.get(id)).rejects.toMatchObject({ reason: "webhook-not-found" });
  expect(ledger.watches.remove(watch.id)).rejects.toBeInstanceOf(RefusedError);
}

/** Answers 204 for what is taken, 503 for what is not, 401 for what is not the ledger's. */
function receive(
  take: (headers: Headers, body: string) => Promise<boolean>,
): AsyncDisposable & { readonly url: string } {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      try {
        const isTaken = await take(request.headers, await request.text());
        return new Response(null, { status: isTaken ? 204 : 503 });
      } catch (error) {
        if (!(error instanceof WebhookError)) throw error;
        return new Response(null, { status: 401 });
      }
    },
  });
  return { url: server.url.href, [Symbol.asyncDispose]: () => server.stop(true) };
}
