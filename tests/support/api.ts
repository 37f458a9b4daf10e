import { z } from "zod";

/** What a server answered. `body` is the parsed JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
  readonly replayed: boolean;
}

const wireEntry = z.object({
  seq: z.int(),
  amount: z.int(),
  balance: z.int(),
  description: z.nullable(z.string()),
  created_at: z.string(),
});
const wireEntries = z.strictObject({ data: z.array(wireEntry), next: z.nullable(z.string()) });
const wireBalance = z.strictObject({ limite: z.int(), saldo: z.int() });
const wireAccount = z.object({
  id: z.string(),
  name: z.nullable(z.string()),
  credit_limit: z.int(),
  balance: z.int(),
});
const problem = z.looseObject({ type: z.string(), outcome: z.optional(z.string()) });

export type WireEntry = z.infer<typeof wireEntry>;
export type WireBalance = z.infer<typeof wireBalance>;
export type WireAccount = z.infer<typeof wireAccount>;

/**
 * One request on a connection of its own: on one that is kept open, `fetch` may send again what had no answer, and
 * these tests count how often something was applied. Rejects where no answer came.
 */
export async function call(
  url: string,
  method: "GET" | "POST" | "PATCH",
  path: string,
  body?: object,
  key: string | null = null,
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    keepalive: false,
    headers: { connection: "close", ...(key === null ? {} : { "idempotency-key": key }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const { status, headers } = response;
  const text = await response.text();
  return {
    status,
    headers,
    body: JSON.parse(text),
    replayed: headers.get("idempotency-replayed") === "true",
  };
}

/** The name of a problem: the last part of its type. Empty where the answer is none. */
export function problemName({ body }: Answer): string {
  const { success, data } = problem.safeParse(body);
  return success ? data.type.replace("urn:razonete:problem:", "") : "";
}

/** The answer says that nothing was changed. */
export function isNotDone(answer: Answer): boolean {
  return answer.status === 503 && problem.safeParse(answer.body).data?.outcome === "none";
}

/** What a transaction was answered. */
export function balanceOf(answer: Answer): WireBalance {
  return wireBalance.parse(answer.body);
}

/** What the opening of an account was answered. */
export function accountOf(answer: Answer): WireAccount {
  return wireAccount.parse(answer.body);
}

/** The accounts 1 to 5, and those that were opened. */
export async function readAccounts(url: string, opened: readonly string[] = []): Promise<WireAccount[]> {
  const accounts: WireAccount[] = [];
  for (const id of ["1", "2", "3", "4", "5", ...opened]) {
    const answer = await call(url, "GET", `/v1/accounts/${id}`);
    if (answer.status !== 200) throw new Error(`GET of account ${id}: ${answer.status}`);
    accounts.push(accountOf(answer));
  }
  return accounts;
}

/** All entries of an account, oldest first, checked to be a chain that ends at its balance. */
export async function readChain(url: string, account: WireAccount): Promise<WireEntry[]> {
  const entries: WireEntry[] = [];
  const first = `/v1/accounts/${account.id}/entries?limit=100`;
  let path: string | null = first;
  while (path !== null) {
    const answer: Answer = await call(url, "GET", path);
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`);
    const { data, next } = wireEntries.parse(answer.body);
    entries.push(...data);
    path = next === null ? null : `${first}&cursor=${encodeURIComponent(next)}`;
  }
  entries.reverse();
  let balance = 0;
  let time = "";
  for (const [index, entry] of entries.entries()) {
    balance += entry.amount;
    if (entry.seq !== index + 1 || entry.balance !== balance || entry.created_at <= time) {
      throw new Error(`the chain of account ${account.id} breaks at ${JSON.stringify(entry)}`);
    }
    time = entry.created_at;
  }
  if (account.balance !== balance)
    throw new Error(`account ${account.id} shows ${account.balance}, not ${balance}`);
  return entries;
}
