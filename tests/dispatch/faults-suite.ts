import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { Random, testSeed } from "../support/random.ts";
import { TestCa } from "../support/servers/certificates.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { type Received, Receiver } from "../support/followers/receiver.ts";
import type { Shape, ShapeOptions } from "./support/shapes.ts";

const made = z.looseObject({ id: z.string() });
const accounts = z.looseObject({
  data: z.looseObject({ id: z.string(), accounts: z.record(z.string(), z.looseObject({ seq: z.number() })) }),
});

/** Whatever is killed, frozen or locked under load: all is received, and of each account in order. */
export function faultsSuite(
  name: string,
  start: (options: ShapeOptions) => Promise<Shape>,
  { kills, isFaulted = true }: { readonly kills: number; readonly isFaulted?: boolean },
): void {
  describe(name, () => {
    let folder: TemporaryFolder;
    let ca: TestCa;
    let shape: Shape;

    beforeAll(async () => {
      folder = temporaryFolder("dispatch-ca");
      ca = new TestCa(folder.path, "targets");
      shape = await start({ authorities: ca.file, inner: true });
    });
    afterAll(async () => {
      await shape[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    });

    const send = (method: string, path: string, body?: object): Promise<Response> =>
      fetch(`${shape.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${shape.tokens.admin}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });

    const under = async (disturb: (receiver: Receiver) => Promise<void>): Promise<void> => {
      await using receiver = new Receiver(ca.issue("DNS:localhost,IP:127.0.0.1"));
      const { id: webhook } = made.parse(
        await (await send("POST", "/v1/webhooks", { url: receiver.url })).json(),
      );
      const decided: string[] = [];
      const over = new AbortController();
      const load = [1, 2, 3].map(async (client) => {
        const postings = [{ from: "@world", to: String(client), amount: 1 }];
        while (!over.signal.aborted) {
          const answer = await send("POST", "/v1/transactions", { postings });
          if (answer.ok) decided.push(made.parse(await answer.json()).id);
          await Bun.sleep(100);
        }
      });
      try {
        await disturb(receiver);
      } finally {
        over.abort();
        await Promise.all(load);
      }
      const ids = () =>
        new Set(receiver.received.map(({ body }) => accounts.parse(JSON.parse(body)).data.id));
      await eventually(
        "all is received",
        () => {
          const received = ids();
          return decided.every((id) => received.has(id));
        },
        () => [decided.length, ids().size, receiver.received.length],
      );
      expect(decided.length).toBeGreaterThan(0);
      for (const seqs of Object.values(firstSights(receiver.received)))
        expect(seqs).toEqual(seqs.toSorted((one, other) => one - other));
      expect((await send("DELETE", `/v1/webhooks/${webhook}`)).status).toBe(204);
    };

    const seed = testSeed();
    test(`killed ${kills} times under load, the dispatcher skips nothing and keeps the order (seed ${seed})`, async () => {
      const chances = new Random(seed);
      await under(async (receiver) => {
        for (let kill = 0; kill < kills; kill += 1) {
          const seen = receiver.received.length;
          await eventually("deliveries go on", () => receiver.received.length > seen);
          await Bun.sleep(chances.integer(0, 150));
          await shape.killDispatcher();
        }
      });
    });

    if (!isFaulted) return;
    test("nor does it where what it keeps webhooks in is away, silent or locked for a while", async () => {
      await under(async (receiver) => {
        for (const fault of shape.faults) {
          const seen = receiver.received.length;
          await eventually("deliveries go on", () => receiver.received.length > seen);
          await fault();
        }
      });
    });
  });
}

function firstSights(received: readonly Received[]): Record<string, number[]> {
  const seen = new Set<string>();
  const found: Record<string, number[]> = {};
  for (const { id, body } of received) {
    if (seen.has(id)) continue;
    seen.add(id);
    for (const [account, { seq }] of Object.entries(accounts.parse(JSON.parse(body)).data.accounts))
      (found[account] ??= []).push(seq);
  }
  return found;
}
