import type { Random } from "../../support/random.ts";
import { hostileBody, ODD_NUMBERS, ODD_VALUES } from "./hostile-bodies.ts";

/** Ids that answers have given, for requests to act on. */
export interface KnownIds {
  readonly holds: string[];
  readonly transactions: string[];
  readonly cursors: string[];
}

export interface V1Request {
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
}

interface Command {
  readonly method: "POST" | "PATCH";
  readonly path: string;
  /** In a batch, and what it acts on there; null for what has no place in one. */
  readonly op: string | null;
  readonly id: string | null;
  readonly body: object;
}

/** A command of `/v1`, or a batch of some: valid, nearly so, or anything. */
export function v1Command(random: Random, known: KnownIds): V1Request {
  const command = random.chance(15) ? batch(random, known) : single(random, known);
  const { method, path } = command;
  if (random.chance(45)) return { method, path, body: Buffer.from(JSON.stringify(command.body)) };
  if (random.chance(15)) return { method, path, body: hostileBody(random) };
  let text = JSON.stringify(changed(random, command.body));
  // What JSON.stringify would not write.
  if (random.chance(20)) text = text.replace(/\d+/, random.pick(ODD_NUMBERS));
  if (random.chance(5)) text = text.replace("{", '{"__proto__": {"amount": 1}, ');
  if (random.chance(5)) text = text.replace(/"\w+":/, (name) => `${name}${random.pick(DOUBLED)},${name}`);
  if (random.chance(3)) text = text.replace("{", `{"deep":${nested(random.pick([100, 3_000, 100_000]))},`);
  if (random.chance(5)) text = text.slice(0, random.integer(0, text.length));
  if (random.chance(3)) text = `\ufeff${text}`;
  const body = Buffer.from(text);
  if (!random.chance(5)) return { method, path, body };
  const at = random.integer(0, body.length);
  return {
    method,
    path,
    body: Buffer.concat([body.subarray(0, at), random.pick(ODD_BYTES), body.subarray(at)]),
  };
}

/** Values for a member that is there twice; the last one counts. */
const DOUBLED = ["null", "1", '"x"', "[]", "{}", "-0", "1e999"] as const;

/** What no text in UTF-8 has, or JSON only as an escape. */
const ODD_BYTES = [[0x00], [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0x1f]].map((bytes) =>
  Buffer.from(bytes),
);

function nested(depth: number): string {
  return `${"[".repeat(depth)}${"]".repeat(depth)}`;
}

function batch(random: Random, known: KnownIds): Command {
  const commands = Array.from({ length: random.integer(1, 5) }, () => {
    const { op, id, body } = single(random, known);
    const key = random.chance(10) ? { key: random.pick(["a", "b", "c"]) } : {};
    return { op: op ?? "account", ...(id === null ? {} : { id }), ...key, body };
  });
  return {
    method: "POST",
    path: "/v1/batches",
    op: null,
    id: null,
    body: { atomic: random.chance(50), commands },
  };
}

function single(random: Random, known: KnownIds): Command {
  const account = () => random.pick(["v1", "v2", "v3", "v4", "v5", `n${random.integer(1, 60)}`]);
  const party = () => (random.chance(30) ? "@world" : account());
  const amount = () => random.pick([1, 1, random.integer(1, 500), 1_000_000, Number.MAX_SAFE_INTEGER]);
  const details = random.chance(20) ? { description: "d", reference: "r#1", metadata: { a: "b" } } : {};
  const creating = (path: string, op: string, body: object): Command => ({
    method: "POST",
    path,
    op,
    id: null,
    body: { ...body, ...details },
  });
  const acting = (ids: readonly string[], path: string, op: string, body: object): Command => {
    const id =
      ids.length === 0 || random.chance(5)
        ? random.pick(["nothing", "t0-1-0-5", "h0-1-0-5"])
        : random.pick(ids.slice(-200));
    return { method: "POST", path: `${path}/${id}/${op}`, op, id, body };
  };
  switch (random.integer(1, 10)) {
    case 1: {
      const unit = random.pick(["BRL/2", "BRL/2", "BRL/2", "A"]);
      const body = { id: account(), unit, credit_limit: random.pick([0, 1000, 1000]) };
      return { method: "POST", path: "/v1/accounts", op: "account", id: null, body };
    }
    case 2: {
      const id = account();
      const states = id.startsWith("n") ? ["open", "frozen", "closed"] : ["open", "open", "frozen"];
      const body = random.pick<object>([
        { credit_limit: random.pick([0, 500, 1000, 1_000_000]) },
        { name: "n", metadata: { plan: "pro", gone: null } },
        { state: random.pick(states) },
      ]);
      return { method: "PATCH", path: `/v1/accounts/${id}`, op: null, id: null, body };
    }
    case 3:
    case 4:
    case 5: {
      const postings = Array.from({ length: random.pick([1, 1, 2, 3, 20]) }, () => ({
        from: party(),
        to: party(),
        amount: amount(),
      }));
      const condition = { account: account(), [random.pick(["balance", "available", "seq"])]: { gte: 5 } };
      const conditions = random.chance(20) ? { conditions: [condition] } : {};
      const dry = random.chance(10) ? { dry_run: true } : {};
      return creating("/v1/transactions", "transaction", { postings, ...conditions, ...dry });
    }
    case 6:
    case 7:
      return creating("/v1/holds", "hold", {
        from: account(),
        to: party(),
        amount: amount(),
        expires_in: random.pick([1, 2, 600]),
      });
    case 8:
      return acting(known.holds, "/v1/holds", "capture", {
        ...random.pick<object>([
          {},
          { amount: amount() },
          { amount: 0 },
          { postings: [{ to: party(), amount: 1 }] },
        ]),
      });
    case 9:
      return acting(known.holds, "/v1/holds", "release", {});
    default:
      return acting(known.transactions, "/v1/transactions", "reversal", details);
  }
}

/** The same with one to three members replaced, left out, or added, at any depth. */
function changed(random: Random, json: unknown): unknown {
  let now = json;
  for (let times = random.integer(1, 3); times > 0; times -= 1) now = changedOnce(random, now);
  return now;
}

function changedOnce(random: Random, json: unknown): unknown {
  if (typeof json !== "object" || json === null || random.chance(10)) return random.pick(ODD_VALUES);
  const names = Object.keys(json);
  if (Array.isArray(json)) {
    const at = random.integer(0, Math.max(json.length - 1, 0));
    if (random.chance(10)) return Array.from({ length: random.pick([0, 21, 501]) }, () => json[at] ?? 0);
    return json.length === 0 ? [random.pick(ODD_VALUES)] : json.with(at, changedOnce(random, json[at]));
  }
  const members = new Map<string, unknown>(Object.entries(json));
  const name = names.length === 0 ? "x" : random.pick(names);
  const dice = random.integer(1, 10);
  if (dice === 1) members.delete(name);
  else if (dice === 2) members.set(random.pick(ODD_NAMES), random.pick(ODD_VALUES));
  else members.set(name, changedOnce(random, members.get(name)));
  return Object.fromEntries(members);
}

/** Of members: known elsewhere, known to JavaScript, or none that could be kept. */
const ODD_NAMES = [
  "x",
  "amount",
  "id",
  "__proto__",
  "constructor",
  "toString",
  "",
  "\0",
  "\ud800",
  "n".repeat(41),
];

const VALUES = [
  "",
  "0",
  "1",
  "100",
  "101",
  "1e1",
  "-5",
  "v1",
  "BRL/2",
  "open",
  "desc",
  "asc",
  "%00",
  "%zz",
  "%ff",
  "2024-01-01T00:00:00Z",
  "9999-12-31T23:59:59%2B23:59",
  "2024-02-30T00:00:00Z",
  "aGVsbG8",
  "9".repeat(30),
] as const;

const PARAMETERS = [
  "limit",
  "cursor",
  "from",
  "to",
  "order",
  "at",
  "account",
  "state",
  "unit",
  "name",
  "reference",
  "balance_lt",
  "balance_gt",
  "order",
  "metadata.a",
  "metadata.",
  "x",
] as const;

/** The path of a GET, with any query. */
export function v1Reading(random: Random, known: KnownIds): string {
  const path = random.pick([
    "/v1/accounts",
    `/v1/accounts/v${random.integer(1, 6)}`,
    `/v1/accounts/v${random.integer(1, 6)}/entries`,
    `/v1/accounts/v${random.integer(1, 6)}/balance`,
    "/v1/transactions",
    `/v1/transactions/${known.transactions.at(-1) ?? "t"}`,
    "/v1/holds",
    `/v1/holds/${known.holds.at(-1) ?? "h"}`,
    "/v1/ledger",
  ]);
  const parameter = () =>
    random.chance(20)
      ? `cursor=${cursor(random, known)}`
      : `${random.pick(PARAMETERS)}${random.pick(["=", "=", "=", ""])}${random.pick(VALUES)}`;
  const parameters = Array.from({ length: random.pick([0, 1, 1, 2]) }, parameter);
  if (random.chance(3)) parameters.push(...parameters);
  const query = parameters.join(random.pick(["&", "&", ";"]));
  return query === "" ? path : `${path}?${query}`;
}

/** One that a list gave, whole or not, for this list or another one. */
function cursor(random: Random, { cursors }: KnownIds): string {
  if (cursors.length === 0) return "none";
  const text = random.pick(cursors.slice(-50));
  const at = random.integer(0, text.length - 1);
  return random.pick([
    text,
    text,
    text.slice(0, at),
    text.slice(at),
    text.slice(0, at) + random.pick(["A", "-", "%00", "%ff", "="]) + text.slice(at + 1),
    text + text,
  ]);
}
