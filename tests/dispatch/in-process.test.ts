import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PublicEvents } from "../../src/events/to-public-events.ts";
import { hashOf, newToken } from "../../src/access/token.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { EVERYONE, InProcess, type Sent } from "./support/in-process.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const HOUR = 3_600_000;

describe("the dispatcher", () => {
  test("tries a delivery at the plan's times, parks it after 72 hours, tells it, and goes on with the account's next", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook();
    await subject.credit();
    await subject.credit();
    const first = await firstId(subject);
    subject.answer = ({ id }) => (id === first ? 500 : 204);
    const began = subject.now;
    subject.start();
    await eventually("the first attempt", () => subject.sent.length === 1);
    const times = [0];
    const failing: boolean[] = [];
    for (const pause of [
      5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 43_200, 43_200, 43_200, 29_845,
    ]) {
      const before = subject.sent.length;
      await eventually(
        "the failure is noted",
        async () => (await attemptsOf(subject, webhook.id, first)) === before,
      );
      // With it, and before the next attempt may be noted.
      failing.push((await subject.shown(webhook)).failingSince !== null);
      subject.advance(pause * 1000 - 1);
      await Bun.sleep(20);
      expect(subject.sent.length).toBe(before);
      subject.advance(1);
      await eventually(`the attempt after ${pause} s`, () => subject.sent.length > before);
      times.push(subject.now - began);
    }
    expect(times.at(-1)).toBe(72 * HOUR);
    // Nothing else was sent, so that all of them are the target's failures.
    expect(failing).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
      true,
      true,
      true,
      true,
      true,
      true,
      true,
      true,
    ]);
    await eventually("the next event is delivered", () => subject.sent.some(({ id }) => id !== first));
    await eventually("the first one is parked", async () => {
      const parked = await subject.hooks.deliveries(EVERYONE, webhook.id, "parked", {
        count: 9,
        after: null,
      });
      return parked?.items.length === 1 && parked.items[0]?.event === first;
    });
    expect(subject.alarms).toEqual([expect.stringContaining("was not taken within 72 hours")]);

    subject.answer = () => 204;
    await subject.submit({ type: "change-webhook", id: webhook.id, content: {}, state: "active" });
    await eventually("set active again, it is sent", () => subject.sent.at(-1)?.id === first);
  });

  test("a target that takes nothing is probed now and then, parked after 72 hours, and goes on where it was", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook();
    for (const account of ["1", "2", "3", "4", "5", "1", "2"]) await subject.credit(account);
    subject.answer = () => 503;
    subject.start();
    await eventually("five attempts", () => subject.sent.length === 5);
    await eventually(
      "it is told as failing",
      async () => (await subject.shown(webhook)).failingSince !== null,
    );
    let probes = 0;
    for (let hours = 0; hours <= 73; hours += 1) {
      const before = subject.sent.length;
      subject.advance(HOUR);
      await eventually(
        "a probe",
        async () => subject.sent.length > before || (await subject.shown(webhook)).state === "parked",
      );
      await Bun.sleep(10);
      probes += subject.sent.length - before;
    }
    expect(await subject.shown(webhook)).toMatchObject({ state: "parked", reason: "failed" });
    expect(probes).toBeLessThan(80);
    expect(subject.alarms.some((line) => line.includes("is parked"))).toBe(true);

    subject.sent.length = 0;
    subject.answer = () => 204;
    await subject.submit({ type: "change-webhook", id: webhook.id, content: {}, state: "active" });
    await eventually("all is delivered", () => new Set(subject.sent.map(({ id }) => id)).size === 7);
    expect(firstSights(subject.sent)).toEqual({ "1": [1, 2], "2": [1, 2], "3": [1], "4": [1], "5": [1] });
    expect((await subject.shown(webhook)).failingSince).toBeNull();
  });

  const seed = testSeed();
  test(`whatever fails, each account's events are seen first in order of their seq, and none is missing (seed ${seed})`, async () => {
    await using subject = new InProcess();
    const chances = new Random(seed);
    await subject.webhook();
    subject.answer = async () => {
      await Bun.sleep(chances.integer(0, 3));
      return chances.chance(30) ? 500 : 204;
    };
    subject.start();
    const done = (async () => {
      for (let count = 0; count < 150; count += 1) await subject.credit(String(chances.integer(1, 5)));
    })();
    await eventually("all is delivered", async () => {
      subject.advance(60_000);
      await done;
      const delivered = await subject.hooks.webhooks(EVERYONE, { count: 1, after: null });
      return new Set(subject.sent.map(({ id }) => id)).size === 150 && delivered.items[0]?.backlog === 0;
    });
    for (const seqs of Object.values(firstSights(subject.sent)))
      expect(seqs).toEqual(Array.from(seqs, (_, index) => index + 1));
  });

  test("a target that hangs holds up nobody else", async () => {
    await using subject = new InProcess();
    const hanging = Promise.withResolvers<number>();
    await subject.webhook("https://down.example.com/");
    await subject.webhook("https://up.example.com/");
    subject.answer = ({ url }) => (url.includes("down") ? hanging.promise : 204);
    subject.start();
    for (let count = 0; count < 30; count += 1) await subject.credit(String(1 + (count % 5)));
    const to = (name: string) => subject.sent.filter(({ url }) => url.includes(name)).length;
    await eventually("the other has all", () => to("up") === 30);
    expect(to("down")).toBe(5);
    hanging.resolve(204);
  });

  test("replays from a cursor and from a time, in order, under the same ids", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook();
    subject.start();
    for (let count = 0; count < 3; count += 1) await subject.credit();
    await eventually("three deliveries", () => subject.sent.length === 3);
    const between = Date.now() * 1000 + 1;
    await eventually("they are noted", async () => (await subject.shown(webhook)).backlog === 0);
    const { deliveredUntil } = await subject.shown(webhook);
    await Bun.sleep(5);
    await subject.credit();
    await subject.credit();
    await eventually("five deliveries", () => subject.sent.length === 5);
    const ids = subject.sent.map(({ id }) => id);
    for (const from of [
      { type: "after", cursor: deliveredUntil },
      { type: "from", time: between },
    ] as const) {
      subject.sent.length = 0;
      await subject.submit({ type: "replay", id: webhook.id, from });
      await eventually("the last two again", () => subject.sent.length === 2);
      expect(subject.sent.map(({ id }) => id)).toEqual(ids.slice(3));
    }
    subject.sent.length = 0;
    await subject.submit({ type: "replay", id: webhook.id, from: { type: "from", time: 0 } });
    await eventually("all from the beginning", () => subject.sent.length === 10);
    expect(
      subject.sent.filter(({ body }) => body.type === "transaction.created").map(({ id }) => id),
    ).toEqual(ids);
  });

  test("410 pauses it, a revoked key pauses what it made, and who sets it active is its owner from then on", async () => {
    await using subject = new InProcess();
    const key = {
      hash: hashOf(newToken()),
      name: "acme",
      scopes: new Set(["events:read", "webhooks:write"] as const),
      accounts: "",
      rate: null,
      createdAt: 1,
      expiresAt: null,
      revokedAt: null,
    };
    await subject.keys.create(key);
    const webhook = await subject.webhook(undefined, {}, { name: "acme", beginning: "" });
    const active = { type: "change-webhook", id: webhook.id, content: {}, state: "active" } as const;
    subject.answer = () => 410;
    subject.start();
    await subject.credit();
    await eventually("it is paused", async () => (await subject.shown(webhook)).state === "paused");
    expect((await subject.shown(webhook)).reason).toBe("gone");

    subject.answer = () => 204;
    await subject.submit(active, { name: "acme", beginning: "" });
    await eventually("it is delivered", async () => {
      subject.advance(10_000);
      return (await subject.shown(webhook)).backlog === 0;
    });
    await subject.keys.revoke("acme", 2);
    await eventually("it is paused", async () => (await subject.shown(webhook)).reason === "key-revoked");
    const before = subject.sent.length;
    await subject.credit();
    await Bun.sleep(50);
    expect(subject.sent.length).toBe(before);

    await subject.submit(active);
    await eventually("what came meanwhile is sent", () => subject.sent.length === before + 1);
  });

  test("what is for it: types, accounts, and of a bound key only its own", async () => {
    await using subject = new InProcess();
    await subject.webhook("https://types.example.com/", { types: ["account.changed"] });
    await subject.webhook("https://accounts.example.com/", { accounts: ["2", "3*"] });
    await subject.webhook("https://bound.example.com/", {}, { name: "", beginning: "4" });
    subject.start();
    for (const account of ["1", "2", "3", "4"]) await subject.credit(account);
    await subject.webhook("https://last.example.com/");
    await subject.credit("5");
    await eventually("the last event", () => subject.sent.some(({ url }) => url.includes("last")));
    await eventually("all others", () => subject.sent.length === 4);
    const seen = subject.sent.map(
      ({ url, body }) => `${new URL(url).host} ${Object.keys(body.data.accounts).join()}`,
    );
    expect(seen.toSorted()).toEqual([
      "accounts.example.com 2",
      "accounts.example.com 3",
      "bound.example.com 4",
      "last.example.com 5",
    ]);
  });
});

async function firstId(subject: InProcess): Promise<string> {
  const [row] = await subject.journal.rows(0, 1, 1);
  if (row === undefined) throw new Error("the journal is empty");
  const [event] = await new PublicEvents(subject.journal).of(row);
  return event?.id ?? "";
}

async function attemptsOf(subject: InProcess, webhook: string, event: string): Promise<number> {
  const page = await subject.hooks.deliveries(EVERYONE, webhook, null, { count: 100, after: null });
  const attempts = page?.items.find((delivery) => delivery.event === event)?.attempts ?? [];
  return attempts.length;
}

/** The seq of each account's events, in the order in which they were seen first. */
function firstSights(sent: readonly Sent[]): Record<string, number[]> {
  const seen = new Set<string>();
  const found: Record<string, number[]> = {};
  for (const { id, body } of sent) {
    if (seen.has(id)) continue;
    seen.add(id);
    for (const [account, { seq }] of Object.entries(body.data.accounts)) (found[account] ??= []).push(seq);
  }
  return found;
}
