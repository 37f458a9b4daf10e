import { expect } from "bun:test";
import { call } from "../../support/api.ts";
import type { Random } from "../../support/random.ts";

/** Accounts whose ids have the same tag are on one shard. */
const TAGS = ["a", "b", "c", "d"];

/** Opens the accounts that {@link decideSome} moves money between. */
export async function openAccounts(url: string): Promise<void> {
  const ids = TAGS.flatMap((tag) => [`{${tag}}1`, `{${tag}}2`]);
  await Promise.all(
    ids.map((id) => done(url, "/v1/accounts", { id, unit: "BRL/2", credit_limit: 1_000_000 }, 201)),
  );
}

/** Decisions of all kinds that money has, one after the other on each of some connections; some are refused. */
export async function decideSome(url: string, random: Random, count: number): Promise<void> {
  const lanes = Array.from({ length: 4 }, async (_, lane) => {
    for (let n = lane; n < count; n += 4) await decideOne(url, random).catch(() => {});
  });
  await Promise.all(lanes);
}

async function decideOne(url: string, random: Random): Promise<void> {
  const tag = random.pick(TAGS);
  const [from, to] = [`{${tag}}1`, `{${tag}}2`];
  const amount = random.integer(1, 50);
  if (random.chance(20)) {
    const hold = await call(url, "POST", "/v1/holds", { from, to, amount });
    if (hold.status !== 201) return;
    const { id } = Object(hold.body);
    const end = random.chance(50) ? "capture" : "release";
    await call(url, "POST", `/v1/holds/${id}/${end}`, {});
    return;
  }
  if (random.chance(30)) {
    await call(url, "POST", `/clientes/${random.integer(1, 5)}/transacoes`, {
      valor: amount,
      tipo: random.chance(70) ? "c" : "d",
      descricao: "load",
    });
    return;
  }
  const postings = random.chance(50) ? [{ from, to, amount }] : [{ from: "@world", to: from, amount }];
  await call(url, "POST", "/v1/transactions", { postings, metadata: { n: String(amount) } });
}

export async function done(
  url: string,
  path: string,
  body: object,
  status: number,
): Promise<Record<string, unknown>> {
  const answer = await call(url, "POST", path, body);
  expect([path, answer.status, answer.body]).toEqual([path, status, answer.body]);
  return Object(answer.body);
}
