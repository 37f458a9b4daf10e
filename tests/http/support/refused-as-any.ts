import { type Client, problem } from "./client.ts";

/** A ledger in memory has no webhooks. */
export async function hasHooks(api: Client): Promise<boolean> {
  return (await api.get("/v1/webhooks")).status !== 503;
}

/** What any request that changes something is refused for. It is done once, with this body. */
export async function refusedAsAny(
  api: Client,
  method: string,
  path: string,
  body: Record<string, unknown>,
): Promise<void> {
  await problem(await api.send(method, path, "{"), 400, "invalid-json");
  await problem(
    await api.send(method, path, body, { "idempotency-key": "no key" }),
    400,
    "invalid-idempotency-key",
  );
  await problem(await api.send(method, path, " ".repeat(8193)), 413, "body-too-large");
  await problem(await api.send(method, path, { ...body, what: 1 }), 422, "invalid-fields");
  // First used for something else.
  const key = { "idempotency-key": crypto.randomUUID() };
  const first = await api.post("/v1/watches", { prefix: "nobody:", available_lt: 7 }, key);
  if (first.status !== 201) throw new Error(await first.text());
  await problem(await api.send(method, path, body, key), 422, "idempotency-key-reused");
}
