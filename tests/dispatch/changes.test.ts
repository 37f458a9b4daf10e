import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { EventReader } from "../../src/dispatch/event-reader.ts";
import { Permits } from "../../src/dispatch/permits.ts";
import { copyHookFile, hookFileOf } from "../../src/hooks/file-hooks.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { EVERYONE, InProcess } from "./support/in-process.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const HOUR = 3_600_000;
const CROSSED = { types: ["watch.crossed"] };

describe("what changes while the dispatcher works", () => {
  test("set active again while its last attempt is on its way, a delivery begins anew", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook();
    const last = Promise.withResolvers<number>();
    subject.answer = () => [500, last.promise][subject.sent.length - 1] ?? 204;
    await subject.credit();
    subject.start();
    await eventually("the first attempt", () => subject.sent.length === 1);
    await eventually("it is noted", async () => (await attemptsOf(subject, webhook.id))[0] === 1);
    subject.advance(73 * HOUR);
    await eventually("the last attempt", () => subject.sent.length === 2);
    await subject.submit({ type: "change-webhook", id: webhook.id, content: {}, state: "active" });
    await Bun.sleep(600);
    last.resolve(500);
    await eventually("it is sent once more", () => subject.sent.length === 3);
    await eventually("and noted", async () => (await subject.shown(webhook)).backlog === 0);
    expect((await subject.hooks.deliveries(EVERYONE, webhook.id, "parked", ONE))?.items).toEqual([]);
  });

  test("where the clock goes back, nothing waits the longer for it", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook();
    subject.answer = () => (subject.sent.length < 3 ? 500 : 204);
    await subject.credit();
    subject.start();
    await eventually("the first attempt", () => subject.sent.length === 1);
    await eventually("it is noted", async () => (await attemptsOf(subject, webhook.id))[0] === 1);
    subject.advance(-5 * HOUR);
    await Bun.sleep(50);
    subject.advance(60_000);
    await eventually("the second attempt", () => subject.sent.length === 2);
    await eventually("it is noted", async () => (await attemptsOf(subject, webhook.id))[0] === 2);

    await subject.stop();
    subject.advance(-5 * HOUR);
    subject.start();
    await Bun.sleep(600);
    subject.advance(300_000);
    await eventually("the third attempt, by one that was started since", () => subject.sent.length === 3);
  });

  test("two dispatchers at once skip nothing, keep the order, and tell each crossing once", async () => {
    await using subject = new InProcess();
    await subject.webhook("https://all.example.com/", { types: ["transaction.created"] });
    const webhook = await subject.webhook("https://crossed.example.com/", CROSSED);
    subject.answer = async () => {
      await Bun.sleep(Math.random() * 5);
      return Math.random() < 0.1 ? 500 : 204;
    };
    await subject.open("low", 100);
    subject.start();
    const watch = await subject.watch({ account: "low", availableLessThan: 50 });
    subject.start();
    for (let count = 0; count < 40; count += 1) {
      await subject.debit("low", 60);
      await subject.credit("low", 60);
      if (count % 10 === 0) await Bun.sleep(30);
    }
    const to = (name: string) => [
      ...new Set(subject.sent.filter(({ url }) => url.includes(name)).map(({ id }) => id)),
    ];
    await eventually("all is sent", () => {
      subject.advance(60_000);
      return to("all").length === 80 && to("crossed").length === 40;
    });
    expect(await subject.crossings(watch)).toHaveLength(40);
    const seqs = to("all").map(
      (id) => subject.sent.find((sent) => sent.id === id)?.body.data.accounts["low"]?.seq ?? 0,
    );
    expect(seqs).toEqual(seqs.toSorted((one, other) => one - other));
    expect((await subject.shown(webhook)).state).toBe("active");
  });

  test("what waits or is parked, and is not for it any more after a change, is not sent; the rest is", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook(undefined, { types: ["transaction.created", "watch.crossed"] });
    for (const account of ["a", "b1", "b2"]) await subject.open(account, 100);
    subject.answer = () => 500;
    subject.start();
    await subject.watch({ account: "a", availableLessThan: 50 });
    await subject.debit("a", 60);
    for (const account of ["1", "2", "b1", "b2"]) await subject.credit(account);
    await eventually("six wait", async () => (await subject.shown(webhook)).backlog === 6);
    await subject.stop();
    const parked = new Database(hookFileOf(subject.file));
    parked.run(`UPDATE deliveries SET state = 'parked' WHERE accounts IN ('["1"]', '["b1"]')`);
    parked.close();
    const content = { types: ["transaction.created"], accounts: ["a", "b*"] };
    await subject.submit({ type: "change-webhook", id: webhook.id, content, state: "active" });
    expect((await subject.shown(webhook)).backlog).toBe(3);
    const before = subject.sent.length;
    subject.answer = () => 204;
    subject.start();
    subject.advance(HOUR);
    await eventually("what is left is delivered", async () => (await subject.shown(webhook)).backlog === 0);
    const sent = subject.sent.slice(before).map(({ body }) => Object.keys(body.data.accounts).join(" "));
    expect(new Set(sent)).toEqual(new Set(["a", "b1", "b2"]));
    expect(sent).toHaveLength(3);
  });

  test("a webhook of which a permit was free is not forgotten where the one before has no use for it", async () => {
    const permits = new Permits(1);
    expect(permits.tryTake(() => {})).toBe(true);
    let taken = 0;
    permits.tryTake(() => {});
    permits.tryTake(() => {
      if (permits.tryTake(() => {})) taken += 1;
    });
    permits.release();
    expect(taken).toBe(1);
  });
});

describe("watches", () => {
  test("deleted while what they told waits, they take it with them, and the webhook goes on", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook(undefined, CROSSED);
    subject.answer = () => 500;
    await subject.open("a", 100);
    subject.start();
    const watch = await subject.watch({ account: "a", availableLessThan: 50 });
    await subject.debit("a", 60);
    await eventually("it was tried", () => subject.sent.length === 1);
    await subject.hooks.deleteWatch(EVERYONE, watch.id);
    expect((await subject.shown(webhook)).backlog).toBe(0);
    subject.advance(60_000);
    await Bun.sleep(600);
    expect(await subject.shown(webhook)).toMatchObject({ state: "active", backlog: 0 });
    expect(subject.alarms).toEqual([]);
  });

  test("a webhook that was paused is told what was crossed meanwhile, and again by a replay", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook(undefined, CROSSED);
    await subject.open("a", 100);
    subject.start();
    const watch = await subject.watch({ account: "a", availableLessThan: 50 });
    await subject.submit({ type: "change-webhook", id: webhook.id, content: {}, state: "paused" });
    await Bun.sleep(600);
    await subject.debit("a", 60);
    await eventually("it is crossed", async () => (await subject.crossings(watch)).length === 1);
    expect(subject.sent).toEqual([]);
    await subject.submit({ type: "change-webhook", id: webhook.id, content: {}, state: "active" });
    await eventually("it is told", () => subject.sent.length === 1);
    await eventually("it is noted", async () => (await subject.shown(webhook)).backlog === 0);
    await subject.submit({ type: "replay", id: webhook.id, from: { type: "from", time: 0 } });
    await eventually("it is told again", () => subject.sent.length === 2);
    expect(subject.sent[1]?.id).toBe(subject.sent[0]?.id ?? "");
  });

  test("a webhook that was just made is told the first crossing", async () => {
    await using subject = new InProcess();
    await subject.open("a", 0);
    await subject.credit("a", 100);
    subject.start();
    await subject.watch({ account: "a", availableLessThan: 50 });
    for (const name of ["one", "two", "three"]) {
      await subject.webhook(`https://${name}.example.com/`, CROSSED);
      await subject.debit("a", 60);
      await eventually("it is told", () => subject.sent.some(({ url }) => url.includes(name)));
      await subject.credit("a", 60);
    }
  });

  test("what waits of a watch does not hide which events wait", async () => {
    await using subject = new InProcess();
    const crossed = { types: ["watch.crossed", "transaction.created"] };
    const webhook = await subject.webhook(undefined, crossed);
    await subject.open("a", 100);
    subject.start();
    await subject.watch({ account: "a", availableLessThan: 50 });
    subject.answer = ({ body }) => (body.type === "watch.crossed" ? 500 : 204);
    await subject.debit("a", 60);
    await eventually("the event is delivered, its crossing waits", async () => {
      const { backlog } = await subject.shown(webhook);
      return backlog === 1 && subject.sent.length >= 2;
    });
    const before = (await subject.shown(webhook)).deliveredUntil;
    await subject.debit("a", 1);
    await eventually("the next waits behind it", async () => (await subject.shown(webhook)).backlog === 2);
    expect((await subject.shown(webhook)).deliveredUntil).toBe(before);
  });

  test("an account that is opened with less is no crossing; it is one once it had more", async () => {
    await using subject = new InProcess();
    subject.start();
    const watch = await subject.watch({ prefix: "a", availableLessThan: 50 });
    await subject.open("a1", 0);
    await subject.open("a2", 100);
    await subject.credit("a1", 20);
    await subject.debit("a2", 60);
    await subject.credit("a1", 40);
    await subject.debit("a1", 30);
    await eventually("both are crossed", async () => (await subject.crossings(watch)).length >= 2);
    expect(await subject.crossings(watch)).toEqual(["a2", "a1"]);
  });

  test("a prefix with 10,000 accounts: half of them below before, each of the others is told once", async () => {
    await using subject = new InProcess();
    const ids = Array.from({ length: 10_000 }, (_, index) => `w:${String(index).padStart(5, "0")}`);
    await Promise.all(ids.map((id, index) => subject.open(id, index % 2 === 0 ? 100 : 49)));
    subject.start();
    const watch = await subject.watch({ prefix: "w:", availableLessThan: 50 });
    await Promise.all(ids.map((id) => subject.debit(id, 20)));
    await Promise.all(ids.filter((_, index) => index % 2 === 0).map((id) => subject.debit(id, 40)));
    await subject.open("w:last", 100);
    await subject.debit("w:last", 60);
    await eventually("the last one", async () => (await subject.crossings(watch)).includes("w:last"));
    expect(new Set(await subject.crossings(watch))).toEqual(
      new Set([...ids.filter((_, index) => index % 2 === 0), "w:last"]),
    );
    expect(await subject.crossings(watch)).toHaveLength(5_001);
  });
});

describe("books that were put back", () => {
  test("with the same rows: it goes on; webhooks of before send again what they do not know of", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook();
    await subject.credit();
    subject.start();
    await eventually("one is sent", () => subject.sent.length === 1);
    await eventually("it is noted", async () => (await subject.shown(webhook)).backlog === 0);
    await subject.stop();
    const hooks = hookFileOf(subject.file);
    const copy = `${hooks}-copy`;
    copyHookFile(hooks, copy);
    subject.start();
    await subject.credit();
    await eventually("two are sent", () => subject.sent.length === 2);
    await subject.stop();
    await subject.hooks.close();
    copyFileSync(copy, `${hooks}-new`);
    const put = new Database(hooks);
    put.run("PRAGMA wal_checkpoint(TRUNCATE)");
    put.close();
    copyFileSync(`${hooks}-new`, hooks);
    subject.start();
    await subject.credit();
    await eventually("the second again, and the third", () => subject.sent.length === 4);
    expect(subject.sent.map(({ id }) => id)[2]).toBe(subject.sent[1]?.id ?? "");
    expect(subject.alarms).toEqual([]);
  });

  test("with other rows: it is paused and told, and watches are armed anew", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook();
    await subject.open("a", 100);
    await subject.open("b", 100);
    subject.start();
    const watch = await subject.watch({ prefix: "", availableLessThan: 50 });
    await subject.debit("a", 60);
    await eventually("it is crossed", async () => (await subject.crossings(watch)).length === 1);
    await eventually("all is sent", async () => (await subject.shown(webhook)).backlog === 0);
    await Bun.sleep(1_100);
    await subject.stop();
    const db = new Database(subject.file);
    db.run("UPDATE journal SET hash = zeroblob(32) WHERE g = (SELECT max(g) FROM journal)");
    db.close();
    // As if it had stood much later.
    const hooks = new Database(hookFileOf(subject.file));
    hooks.run("UPDATE watches SET armed = '1000000'");
    hooks.close();
    subject.start();
    await eventually("it is paused", async () => (await subject.shown(webhook)).state === "paused");
    expect((await subject.shown(webhook)).reason).toBe("history-changed");
    await eventually("both are told", () => subject.alarms.length === 2);
    await Bun.sleep(600);
    await subject.armed(watch);
    await subject.debit("b", 60);
    await eventually("the next crossing", async () => (await subject.crossings(watch)).length === 2);
    expect(await subject.crossings(watch)).toEqual(["a", "b"]);
  });
});

describe("what is left of a past that a restore has lost", () => {
  /** As if these deliveries and crossings had been of other events in the same places. */
  function lose(subject: InProcess, where: string): void {
    const hooks = new Database(hookFileOf(subject.file));
    hooks.run(`UPDATE deliveries SET id = 'lost-' || id, type = 'hold.created', accounts = '["lost"]',
      attempts = '[{"at":1,"status":500,"error":null,"milliseconds":1}]' WHERE ${where}`);
    hooks.run(`UPDATE crossings SET body = replace(body, '"id":"', '"id":"lost-')`);
    hooks.close();
  }

  test("an event in the place of a lost one is delivered as what it is, also by a dispatcher that was started since", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook(undefined, { types: ["transaction.created"] });
    await subject.credit("1");
    subject.start();
    await eventually("it is delivered", () => subject.sent.length === 1);
    await eventually("it is noted", async () => (await subject.shown(webhook)).backlog === 0);
    await subject.stop();
    lose(subject, "sub = ''");
    subject.answer = () => 500;
    subject.start();
    const from = { type: "from", time: 0 } as const;
    await subject.submit({ type: "replay", id: webhook.id, from });
    await eventually("it is tried", () => subject.sent.length > 1);
    await eventually("it is noted", async () => (await attemptsOf(subject, webhook.id))[0] === 1);
    await subject.stop();
    subject.answer = () => 204;
    subject.advance(HOUR);
    subject.start();
    await eventually("it is delivered", async () => (await subject.shown(webhook)).backlog === 0);
    const { state, reason } = await subject.shown(webhook);
    expect([state, reason]).toEqual(["active", null]);
    const page = await subject.hooks.deliveries(EVERYONE, webhook.id, null, { count: 9, after: null });
    expect(page?.items.map(({ event, type }) => [event, type])).toEqual([
      [subject.sent[0]?.id ?? "", "transaction.created"],
    ]);
    expect(new Set(subject.sent.map(({ id }) => id)).size).toBe(1);
  });

  test("a crossing by a lost event is not sent again, and one in its place is told as what it is", async () => {
    await using subject = new InProcess();
    const webhook = await subject.webhook(undefined, CROSSED);
    await subject.open("a", 100);
    subject.start();
    await subject.watch({ account: "a", availableLessThan: 50 });
    await subject.debit("a", 60);
    await eventually("it is told", () => subject.sent.length === 1);
    await eventually("it is noted", async () => (await subject.shown(webhook)).backlog === 0);
    await subject.stop();
    lose(subject, "sub <> ''");
    await subject.submit({ type: "replay", id: webhook.id, from: { type: "from", time: 0 } });
    expect((await subject.shown(webhook)).backlog).toBe(1);
    subject.start();
    await eventually("it is dropped", async () => (await subject.shown(webhook)).backlog === 0);
    await subject.stop();
    expect(subject.sent).toHaveLength(1);

    // What was lost had come further than what is there now: the next crossing comes to its place.
    await subject.credit("a", 60);
    const hooks = new Database(hookFileOf(subject.file));
    hooks.run("UPDATE crossings SET g = g + 2");
    hooks.run(`INSERT INTO deliveries SELECT webhook, shard, g, event, watch || ' a', 'lost', 'watch.crossed', '["a"]',
      '0 all 0', 'delivered', 1, 1, 1, 1, '[]' FROM crossings, (SELECT id AS webhook FROM webhooks)`);
    hooks.close();
    await subject.debit("a", 60);
    subject.start();
    await eventually("it is told", () => subject.sent.length === 2);
    expect(JSON.stringify(subject.sent[1]?.body)).not.toContain("lost");
    expect(subject.sent[1]?.id).not.toContain("lost");
    await eventually("it is noted", async () => (await subject.shown(webhook)).backlog === 0);
  });

  test("facts of its accounts are read anew with the rest", async () => {
    await using subject = new InProcess();
    const reader = new EventReader(subject.journal);
    const unit = async (g: number): Promise<string | undefined> => {
      const event = await reader.event(0, g, 0);
      return event !== null && "accounts" in event ? event.accounts[0]?.unit : undefined;
    };
    const [end] = await subject.journal.ends();
    const g = (end?.g ?? 0) + 1;
    await subject.credit("1");
    await eventually("it is kept", async () => (await unit(g)) === "BRL/2");
    const books = new Database(subject.file);
    books.run("UPDATE accounts SET unit = 'EUR/2' WHERE account = '1'");
    books.close();
    await subject.credit("1");
    expect(await unit(g + 1)).toBe("BRL/2");
    reader.forget();
    expect(await unit(g + 1)).toBe("EUR/2");
  });
});

const ONE = { count: 1, after: null };

async function attemptsOf(subject: InProcess, webhook: string): Promise<readonly number[]> {
  const page = await subject.hooks.deliveries(EVERYONE, webhook, null, { count: 100, after: null });
  return (page?.items ?? []).map(({ attempts }) => attempts.length);
}
