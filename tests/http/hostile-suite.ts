import { expect, test } from "bun:test";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { Random, testSeed } from "../support/random.ts";
import { type RawAnswer, RawConnection } from "../support/raw-connection.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type AccountBody, Client, json, type ListBody, nextOf } from "./support/client.ts";
import { type HostileRequest, hostileRequest } from "./support/hostile-requests.ts";
import type { KnownIds } from "./support/hostile-v1.ts";

const CONNECTIONS = 32;

/** What the application may answer to whatever it is sent, as the documentation lists it. */
const STATUSES: ReadonlySet<number> = new Set([200, 201, 400, 404, 405, 409, 413, 422]);
/** What may be answered to bytes that are no HTTP, before the application sees anything. */
const NO_HTTP_STATUSES: ReadonlySet<number> = new Set([400, 413, 414, 431, 505]);
const PROBLEMS: Readonly<Record<string, number>> = {
  "invalid-json": 400,
  "invalid-idempotency-key": 400,
  "route-not-found": 404,
  "account-not-found": 404,
  "transaction-not-found": 404,
  "hold-not-found": 404,
  "method-not-allowed": 405,
  "account-exists": 409,
  "body-too-large": 413,
  "invalid-fields": 422,
  "account-closed": 422,
  "account-frozen": 422,
  "account-not-empty": 422,
  "already-reversed": 422,
  "balance-out-of-range": 422,
  "condition-failed": 422,
  "hold-not-open": 422,
  "limit-exceeded": 422,
  "limit-too-low": 422,
  "not-reversible": 422,
  "unit-mismatch": 422,
  "idempotency-key-reused": 422,
};
/** What a transaction of the contest may be answered whose body is as the contract wants it. */
const TO_VALID: ReadonlySet<string> = new Set([
  "limit-exceeded",
  "balance-out-of-range",
  "idempotency-key-reused",
]);

/** Where there is something else than JSON, of which type, and how that begins. */
const PAGES: readonly (readonly [path: RegExp, type: string, begins: RegExp])[] = [
  [/^\/(?:\?|$)/, "text/html; charset=utf-8", /^<!doctype html>/i],
  [/^\/docs(?:\?|$)/, "text/html; charset=utf-8", /^<!doctype html>/i],
  [/^\/console\/console\.js/, "text/javascript; charset=utf-8", /\S/],
  [/^\/console\/console\.css/, "text/css; charset=utf-8", /\S/],
  [/^\/metrics/, "text/plain; version=0.0.4; charset=utf-8", /^# HELP /],
];

const seed = testSeed();

export interface HostileTarget {
  readonly url: string;
  /** Ends it, and fails if anything went wrong in it. */
  end(): Promise<void>;
}

/** One API of a cluster, without the balancer, which would answer what is no HTTP by itself. All is audited at the end. */
export async function clusterProcess(): Promise<HostileTarget> {
  const cluster = await Cluster.start({ apis: 1 });
  return {
    url: cluster.apiUrl(0),
    end: async () => {
      const audit = cluster.run("audit");
      await cluster[Symbol.asyncDispose]();
      expect([audit.exitCode, audit.stdout.toString()]).toEqual([0, expect.any(String)]);
    },
  };
}

/** The embedded ledger as a process of its own; its file is checked at the end. */
export async function embeddedProcess(): Promise<HostileTarget> {
  const folder = temporaryFolder();
  const server = await startServer({ data: folder.path });
  return {
    url: server.url,
    end: async () => {
      expect(await server.stop()).toBe(0);
      expect(server.output().stderr).toBe("");
      const { findings } = await auditFile(join(folder.path, "razonete.db"));
      folder[Symbol.dispose]();
      expect(findings).toEqual([]);
    },
  };
}

/**
 * What no client ought to send, `requests` times: only what is documented may be answered, and only what is right may be
 * applied.
 */
export function hostileSuite(name: string, requests: number, start: () => Promise<HostileTarget>): void {
  test(`${name}, ${requests} hostile requests: only what is documented, and only what is valid is applied (seed ${seed})`, async () => {
    const target = await start();
    const api = new Client(() => target.url);
    const port = Number(new URL(target.url).port);
    for (const id of ["v1", "v2", "v3", "v4", "v5"]) await api.account(1000, { id });
    const seen = new Seen();
    let left = requests;
    const client = async (random: Random): Promise<void> => {
      let connection = new RawConnection(port);
      while (left > 0) {
        left -= 1;
        const request = hostileRequest(random, seen);
        try {
          connection.send(request.bytes, request.ends);
          const answer = await connection.answer(request.head);
          seen.check(request, answer);
          if (request.asked !== null && answer !== null)
            api.conformity.check({
              ...request.asked,
              ...answer,
              body: textOf(request.asked.body),
              text: answer.body,
            });
        } catch (error) {
          throw new Error(`after ${JSON.stringify(request.bytes.toString("latin1").slice(0, 5_000))}`, {
            cause: error,
          });
        }
        if (request.isHttp && !connection.closed) continue;
        connection[Symbol.dispose]();
        connection = new RawConnection(port);
      }
      connection[Symbol.dispose]();
    };
    const clients = Array.from({ length: CONNECTIONS }, (_, index) => client(new Random(seed + index)));
    await Promise.all(clients);

    // Every kind of answer came: none of the generators has dried up.
    expect([...seen.statuses.keys()]).toEqual(expect.arrayContaining([...STATUSES]));
    if (requests >= 100_000) expect([...seen.problems].toSorted()).toEqual(Object.keys(PROBLEMS).toSorted());

    await checkBalances(api, seen);
    await target.end();
  }, 600_000);
}

/** Each account has its chain and keeps its limit, holds add up to what is held, and all units to 0. */
async function checkBalances(api: Client, seen: Seen): Promise<void> {
  for (const id of ["1", "2", "3", "4", "5"]) {
    const balances = (await api.chain(id)).map(({ balance }) => balance);
    expect(sorted(balances)).toEqual(sorted(seen.balances.get(id) ?? []));
  }
  const accounts = await all<AccountBody>(api, "/v1/accounts?limit=100");
  expect(accounts.length).toBeGreaterThan(9);
  for (const { id } of accounts) {
    await api.chain(id);
    const heldAndHolds = async () => {
      const { held, balance, credit_limit: limit } = await api.readAccount(id);
      expect(balance - held).toBeGreaterThanOrEqual(-limit);
      const holds = await all<{ amount: number }>(api, `/v1/holds?account=${id}&state=open&limit=100`);
      return [held, holds.reduce((sum, { amount }) => sum + amount, 0)] as const;
    };
    // One may expire between the two readings.
    await eventually(`the holds of ${id} add up`, async () => {
      const [held, holds] = await heldAndHolds();
      return held === holds;
    });
  }
  const { units } = await json<{ units: { balances: string; world: string }[] }>(
    await api.get("/v1/ledger"),
    200,
  );
  for (const { balances, world } of units) expect(BigInt(balances) + BigInt(world)).toBe(0n);
}

async function all<Item>(api: Client, path: string): Promise<Item[]> {
  const items: Item[] = [];
  for (let next: string | null = path; next !== null;) {
    const reply: Response = await api.get(next);
    next = nextOf(reply);
    items.push(...(await json<ListBody<Item>>(reply, 200)).data);
  }
  return items;
}

/** Judges the answers, and counts what they say has been done. */
class Seen implements KnownIds {
  readonly statuses = new Map<number, number>();
  readonly problems = new Set<string>();
  /** The balances that the transactions of each account were answered, in the order of the answers. */
  readonly balances = new Map<string, number[]>();
  readonly holds: string[] = [];
  readonly transactions: string[] = [];
  readonly cursors: string[] = [];

  check(request: HostileRequest, answer: RawAnswer | null): void {
    if (answer === null) {
      expect(request.isHttp).toBe(false);
      return;
    }
    const { status } = answer;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    const isProblem = answer.headers.get("content-type") === "application/problem+json";
    if (status >= 400 && (request.isHttp || isProblem)) return this.#checkProblem(request, answer, isProblem);
    if (status >= 400) {
      if (!NO_HTTP_STATUSES.has(status)) throw new Error(`${status} to what is no HTTP`);
      return;
    }
    if (!STATUSES.has(status)) throw new Error(`status ${status}`);
    if (!request.head) this.#count(request, answer);
  }

  #checkProblem(request: HostileRequest, answer: RawAnswer, isProblem: boolean): void {
    if (!STATUSES.has(answer.status)) throw new Error(`status ${answer.status}: ${answer.body}`);
    if (!isProblem) throw new Error(`no problem details: ${answer.status} ${answer.body}`);
    if (request.head) return;
    const body: unknown = JSON.parse(answer.body);
    const name = this.#problemName(body, answer.status);
    const { transaction } = request;
    if (transaction === null) return;
    // Valid or not, the application has to think the same of it as this test.
    const keyRefused = name === "invalid-idempotency-key";
    if (keyRefused === isValidKey(transaction.key)) throw new Error(`answered ${name}`);
    if (!keyRefused && TO_VALID.has(name) !== isValid(transaction.body)) throw new Error(`answered ${name}`);
  }

  #problemName(body: unknown, answered: number): string {
    const { type, status, title, detail }: Record<string, unknown> = Object(body);
    const name = String(type).replace("urn:razonete:problem:", "");
    const isRight =
      PROBLEMS[name] === answered &&
      status === answered &&
      typeof title === "string" &&
      typeof detail === "string";
    if (!isRight) throw new Error(`problem ${JSON.stringify(body)}`);
    this.problems.add(name);
    return name;
  }

  #count(request: HostileRequest, answer: RawAnswer): void {
    const type = answer.headers.get("content-type") ?? "";
    if (type.startsWith("text/csv")) return;
    if (type !== "application/json") return this.#checkPage(request, answer, type);
    const body: Record<string, unknown> = JSON.parse(answer.body);
    if (answer.headers.get("idempotency-replayed") === "true") return;
    const [, made, id = ""] =
      /^\/v1\/(holds|transactions)\/(.+)$/.exec(answer.headers.get("location") ?? "") ?? [];
    if (made === "holds") this.holds.push(id);
    if (made === "transactions") this.transactions.push(id);
    if (typeof body["next"] === "string") this.cursors.push(body["next"]);
    if (Array.isArray(body["results"])) this.#checkResults(body["results"]);
    const { transaction } = request;
    if (transaction === null) return;
    if (!isValidKey(transaction.key)) throw new Error("an invalid key was taken");
    if (!isValid(transaction.body)) throw new Error("an invalid transaction was answered 200");
    const { limite, saldo } = body;
    if (typeof saldo !== "number" || typeof limite !== "number" || saldo < -limite)
      throw new Error(answer.body);
    const balances = this.balances.get(transaction.account) ?? [];
    this.balances.set(transaction.account, balances);
    balances.push(saldo);
  }

  /** What is no JSON is a page, a file of one, or metrics, and no answer to what changes something. */
  #checkPage({ path, transaction }: HostileRequest, { body }: RawAnswer, type: string): void {
    const [, expected, begins] = PAGES.find(([paths]) => paths.test(path ?? "")) ?? [];
    const isRight = expected === type && begins?.test(body) === true && transaction === null;
    if (!isRight) throw new Error(`a page of type "${type}" at ${path}: ${body.slice(0, 100)}`);
  }

  #checkResults(results: readonly { readonly status: number; readonly body: unknown }[]): void {
    for (const { status, body } of results) {
      if (!STATUSES.has(status)) throw new Error(`status ${status} in a batch: ${JSON.stringify(body)}`);
      if (status >= 400) this.#problemName(body, status);
    }
  }
}

function textOf(body: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return "no UTF-8, so no JSON";
  }
}

function sorted(balances: readonly number[]): number[] {
  return balances.toSorted((a, b) => a - b);
}

function isValidKey(key: string | null): boolean {
  return key === null || /^[!-~]{1,255}$/.test(key);
}

/** The contract's words on a body, once more, apart from the code under test. */
function isValid(bytes: Buffer): boolean {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes), unlessRounded);
  } catch {
    return false;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return false;
  const members = new Map<string, unknown>(Object.entries(parsed));
  const valor = members.get("valor");
  const tipo = members.get("tipo");
  const descricao = members.get("descricao");
  return (
    typeof valor === "number" &&
    Number.isInteger(valor) &&
    valor >= 1 &&
    valor <= 9_007_199_254_740_991 &&
    (tipo === "c" || tipo === "d") &&
    typeof descricao === "string" &&
    /^[^\0\p{Surrogate}]{1,10}$/u.test(descricao)
  );
}

/** A number that only rounding made an integer is none. */
function unlessRounded(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) return value;
  const [mantissa = "", exponent = "0"] = (context?.source ?? "").toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const power = Number(exponent) - fraction.length;
  // With so small a power only 0 would be an integer.
  if (power < -5_000) return BigInt(whole + fraction) === 0n ? value : null;
  return power >= 0 || BigInt(whole + fraction) % 10n ** BigInt(-power) === 0n ? value : null;
}
