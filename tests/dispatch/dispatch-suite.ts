import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Webhook as Verifier } from "standardwebhooks";
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { type CertificateFiles, TestCa } from "../support/servers/certificates.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { documentedAt } from "./support/documented.ts";
import { type Received, Receiver } from "../support/followers/receiver.ts";
import type { Shape, ShapeOptions } from "./support/shapes.ts";

interface MadeWebhook {
  readonly id: string;
  readonly secret: string;
  readonly state: string;
  readonly reason: string | null;
  readonly backlog: number;
  readonly delivered_until: string;
}

const text = z.string().catch("");

/** What any of the routes may answer, as far as these tests look at it. */
const answered = z.looseObject({
  id: text,
  secret: text,
  state: text,
  reason: z.string().nullable().catch(null),
  backlog: z.number().catch(-1),
  delivered_until: text,
  armed: z.boolean().catch(false),
  next: z.string().nullable().catch(null),
  data: z
    .array(
      z.looseObject({
        id: text,
        event: text,
        attempts: z.array(z.looseObject({ status: z.number().nullable() })).catch([]),
        account: z.looseObject({ available: z.number() }).catch({ available: 0 }),
      }),
    )
    .catch([]),
});
type Answered = z.infer<typeof answered>;

const made = z.looseObject({ id: z.string(), secret: z.string() });

function asWebhook(json: unknown): { readonly id: string; readonly secret: string } {
  return made.parse(json);
}

/** Webhooks and watches on a whole ledger: from the request that makes one to the target that is told. */
export function dispatchSuite(name: string, start: (options: ShapeOptions) => Promise<Shape>): void {
  describe(name, () => {
    let folder: TemporaryFolder;
    let ca: TestCa;
    let certificate: CertificateFiles;
    let shape: Shape;

    beforeAll(async () => {
      folder = temporaryFolder("dispatch-ca");
      ca = new TestCa(folder.path, "targets");
      certificate = ca.issue("DNS:localhost,IP:127.0.0.1");
      shape = await start({ authorities: ca.file, inner: true });
      for (const id of ["acme:{t}1", "umbra:{t}1"])
        await ask("POST", "/v1/accounts", { id, unit: "BRL/2", credit_limit: 1000 });
    });
    afterAll(async () => {
      await shape[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    });

    const send = (
      method: string,
      path: string,
      body?: object,
      headers: object = {},
      token = shape.tokens.admin,
    ) =>
      fetch(`${shape.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const ask = async (
      method: string,
      path: string,
      body?: object,
      token = shape.tokens.admin,
    ): Promise<Answered> => answered.parse(await (await send(method, path, body, {}, token)).json());
    const make = (receiver: Receiver, more: object = {}, token = shape.tokens.admin): Promise<MadeWebhook> =>
      ask("POST", "/v1/webhooks", { url: receiver.url, ...more }, token);
    const shown = ({ id }: MadeWebhook): Promise<MadeWebhook> => ask("GET", `/v1/webhooks/${id}`);
    const remove = async ({ id }: { readonly id: string }): Promise<void> => {
      expect((await send("DELETE", `/v1/webhooks/${id}`)).status).toBe(204);
      expect((await send("DELETE", `/v1/webhooks/${id}`)).status).toBe(404);
    };
    const credit = (account: string, amount = 1) =>
      ask("POST", "/v1/transactions", { postings: [{ from: "@world", to: account, amount }] });

    test("what happened is sent once, signed; after a rotation both secrets sign", async () => {
      await using receiver = new Receiver(certificate);
      // In a cluster what was decided just before may come into the books just after it was made.
      const webhook = await make(receiver, { types: ["transaction.created"] });
      const { id } = await credit("1");
      await eventually("it is received", () => receiver.received.length === 1);
      const [first] = receiver.received;
      expect(verified(webhook.secret, first)).toMatchObject({ type: "transaction.created", data: { id } });
      const other = await make(receiver);
      await remove(other);
      expect(() => verified(other.secret, first)).toThrow();

      const { secret } = await ask("POST", `/v1/webhooks/${webhook.id}/secret`);
      expect(secret).not.toBe(webhook.secret);
      await credit("1");
      await eventually("the next is received", () => receiver.received.length === 2);
      for (const either of [webhook.secret, secret]) verified(either, receiver.received[1]);
      await eventually("it is noted", async () => (await shown(webhook)).backlog === 0);
      await remove(webhook);
    });

    test("lists, one webhook, deliveries, replays and logs tell no secret", async () => {
      await using receiver = new Receiver(certificate);
      const key = { "idempotency-key": `hook ${name}`.replaceAll(" ", "-") };
      const first = await send("POST", "/v1/webhooks", { url: receiver.url }, key);
      const webhook = asWebhook(await first.json());
      const again = await send("POST", "/v1/webhooks", { url: receiver.url }, key);
      expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([201, "true"]);
      expect(await again.json()).toEqual({ ...webhook, secret: null });
      const reused = await send("POST", "/v1/webhooks", { url: `${receiver.url}/other` }, key);
      expect([reused.status, await reused.json()]).toMatchObject([
        422,
        { type: "urn:razonete:problem:idempotency-key-reused" },
      ]);
      receiver.answer = () => new Response(null, { status: 500 });
      await credit("1");
      await eventually("it failed", () => receiver.received.length > 0);
      await eventually("that is shown", async () => {
        const { data } = await ask("GET", `/v1/webhooks/${webhook.id}/deliveries?state=waiting`);
        return data[0]?.attempts[0]?.status === 500;
      });
      const texts = await Promise.all(
        ["", `/${webhook.id}`, `/${webhook.id}/deliveries`].map(async (path) =>
          (await send("GET", `/v1/webhooks${path}`)).text(),
        ),
      );
      const told = [...texts, JSON.stringify(receiver.received), await shape.said()].join("\n");
      expect(told).toContain(webhook.id);
      expect(told).not.toContain(webhook.secret.slice("whsec_".length));
      await remove(webhook);
    });

    test("pages of deliveries lead through all of them, the newest first", async () => {
      await using receiver = new Receiver(certificate);
      const webhook = await make(receiver);
      for (let count = 0; count < 5; count += 1) await credit("2");
      await eventually("all are noted", async () => {
        const { data } = await ask("GET", `/v1/webhooks/${webhook.id}/deliveries?state=delivered`);
        return data.length === 5;
      });
      const events: string[] = [];
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? "" : `&cursor=${cursor}`;
        const page = await ask("GET", `/v1/webhooks/${webhook.id}/deliveries?limit=2${query}`);
        events.push(...page.data.map(({ event }) => event));
        cursor = page.next;
      } while (cursor !== null);
      expect(events).toEqual(receiver.received.map(({ id }) => id).toReversed());
      await remove(webhook);
    });

    test("a target that is down holds up nobody, paused it waits, and replayed it gets all again", async () => {
      await using down = new Receiver(certificate);
      await using up = new Receiver(certificate);
      const silent = Promise.withResolvers<Response>();
      down.answer = () => silent.promise;
      const [one, other] = [await make(down), await make(up)];
      for (let count = 0; count < 10; count += 1) await credit("3");
      await eventually("the other has all", () => up.received.length === 10);
      await eventually("the silent one has one", () => down.received.length > 0);
      expect(down.received.length).toBe(1);
      silent.resolve(new Response());
      down.answer = () => new Response();
      await eventually("it gets the rest", () => down.received.length === 10);

      await ask("PATCH", `/v1/webhooks/${one.id}`, { state: "paused" });
      const since = new Date().toISOString();
      await credit("3");
      await eventually("the other has it", () => up.received.length === 11);
      expect(await shown(one)).toMatchObject({ state: "paused", reason: "asked" });
      expect(down.received.length).toBe(10);
      await ask("PATCH", `/v1/webhooks/${one.id}`, { state: "active" });
      await eventually("it gets that, too", () => down.received.length === 11);

      const replayed = await send("POST", `/v1/webhooks/${one.id}/replay`, { from: since });
      expect(replayed.status).toBe(202);
      await eventually("it gets it again", () => down.received.length === 12);
      expect(down.received[11]?.id).toBe(down.received[10]?.id ?? "");
      for (const body of [{}, { after: "wrong" }, { from: since, after: "x" }]) {
        expect((await send("POST", `/v1/webhooks/${one.id}/replay`, body)).status).toBe(422);
      }
      await remove(one);
      await remove(other);
    });

    test("a bound key sees, makes and is told of its own alone, and what it made ends with it", async () => {
      await using receiver = new Receiver(certificate);
      const { acme, umbra, reader } = shape.tokens;
      const mine = await make(receiver, {}, acme);
      for (const [method, path, body] of [
        ["GET", `/v1/webhooks/${mine.id}`],
        ["PATCH", `/v1/webhooks/${mine.id}`, { state: "paused" }],
        ["POST", `/v1/webhooks/${mine.id}/secret`, {}],
        ["POST", `/v1/webhooks/${mine.id}/replay`, { from: "2020-01-01T00:00:00Z" }],
        ["GET", `/v1/webhooks/${mine.id}/deliveries`],
        ["DELETE", `/v1/webhooks/${mine.id}`],
        ["POST", "/v1/webhooks", { url: receiver.url, accounts: ["acme:{t}1"] }],
        ["POST", "/v1/watches", { account: "acme:{t}1", available_lt: 5 }],
        ["POST", "/v1/watches", { prefix: "acme:", available_lt: 5 }],
      ] as const) {
        expect([method, path, (await send(method, path, body, {}, umbra)).status]).toEqual([
          method,
          path,
          404,
        ]);
        expect([method, path, (await send(method, path, body, {}, reader)).status]).toEqual([
          method,
          path,
          403,
        ]);
      }
      expect((await ask("GET", "/v1/webhooks", undefined, umbra)).data).toEqual([]);
      await credit("umbra:{t}1", 77);
      await ask("POST", "/v1/transactions", {
        postings: [{ from: "umbra:{t}1", to: "acme:{t}1", amount: 5 }],
        metadata: { secret: "of umbra" },
      });
      await eventually("its side is received", () => receiver.received.length === 1);
      expect(receiver.received[0]?.body).toContain("acme:{t}1");
      expect(receiver.received[0]?.body).not.toContain("umbra");

      await shape.revoke("acme");
      await eventually("it is paused", async () => (await shown(mine)).reason === "key-revoked");
      await remove(mine);
    });

    test("a watch tells each crossing once: by a debit, a hold, a limit; not what was below before", async () => {
      await using receiver = new Receiver(certificate);
      await using all = new Receiver(certificate);
      const account = `watched-${Date.now()}`;
      await ask("POST", "/v1/accounts", { id: account, unit: "BRL/2", credit_limit: 100 });
      await ask("POST", "/v1/accounts", { id: `${account}-low`, unit: "BRL/2" });
      await eventually("the books have it", async () =>
        (await ask("GET", `/v1/accounts?unit=BRL/2&limit=100`)).data.some(
          ({ id }) => id === `${account}-low`,
        ),
      );
      const webhook = await make(receiver, { types: ["watch.crossed"] });
      const ofAll = await make(all, { accounts: [`${account}*`] });
      const watch = await ask("POST", "/v1/watches", { prefix: account, available_lt: 50 });
      const by = async (id: string) => (await ask("GET", `/v1/watches/${id}`)).armed;
      await eventually("it is armed", () => by(watch.id));
      const crossings = async (): Promise<number[]> =>
        (await ask("GET", `/v1/watches/${watch.id}/crossings`)).data
          .map((crossing) => crossing.account.available)
          .toReversed();
      const move = (amount: number) =>
        ask("POST", "/v1/transactions", { postings: [{ from: account, to: "@world", amount }] });
      await move(50);
      await move(1);
      await move(1);
      await credit(account, 52);
      const hold = await ask("POST", "/v1/holds", { from: account, amount: 60 });
      await ask("POST", `/v1/holds/${hold.id}/capture`, { amount: 0 });
      await ask("PATCH", `/v1/accounts/${account}`, { credit_limit: 30 });
      await credit(`${account}-low`, 1);
      await eventually("three crossings", async () => (await crossings()).length >= 3);
      expect(await crossings()).toEqual([49, 40, 30]);
      await eventually("they are received", () => receiver.received.length === 3);
      expect(new Set(receiver.received.map(({ body }) => JSON.parse(body).data.account.id))).toEqual(
        new Set([account]),
      );
      await eventually("all else is received, too", () =>
        ["account.changed", "hold.captured"].every((type) =>
          all.received.some(({ body }) => JSON.parse(body).type === type),
        ),
      );
      const wrongIn = await documentedAt(shape.url);
      expect([...receiver.received, ...all.received].map(wrongIn).filter(Boolean)).toEqual([]);
      expect((await send("DELETE", `/v1/watches/${watch.id}`)).status).toBe(204);
      expect((await send("GET", `/v1/watches/${watch.id}/crossings`)).status).toBe(404);
      await remove(webhook);
      await remove(ofAll);
    });
  });
}

function verified(secret: string, received: Received | undefined): unknown {
  return new Verifier(secret).verify(received?.body ?? "", received?.headers ?? {});
}
