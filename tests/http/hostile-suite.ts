import { expect, test } from "bun:test";
import { join } from "node:path";
import { readAccounts, readChain } from "../support/api.ts";
import { auditFile } from "../support/audit-file.ts";
import { Random, testSeed } from "../support/random.ts";
import { type RawAnswer, RawConnection } from "../support/raw-connection.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type HostileRequest, hostileRequest } from "./support/hostile-requests.ts";

const CONNECTIONS = 32;

/** What the application may answer to whatever it is sent, as the documentation lists it. */
const STATUSES: ReadonlySet<number> = new Set([200, 201, 400, 404, 405, 413, 422]);
/** What may be answered to bytes that are no HTTP, before the application sees anything. */
const NO_HTTP_STATUSES: ReadonlySet<number> = new Set([400, 413, 414, 431, 505]);
const PROBLEMS: Readonly<Record<string, number>> = {
  "invalid-json": 400,
  "invalid-idempotency-key": 400,
  "account-not-found": 404,
  "route-not-found": 404,
  "method-not-allowed": 405,
  "body-too-large": 413,
  "invalid-fields": 422,
  "limit-exceeded": 422,
  "limit-too-low": 422,
  "balance-out-of-range": 422,
  "idempotency-key-reused": 422,
};
/** What a transaction may be answered whose body is as the contract wants it. */
const TO_VALID: ReadonlySet<string> = new Set([
  "limit-exceeded",
  "balance-out-of-range",
  "idempotency-key-reused",
]);

const seed = testSeed();

/**
 * What no client ought to send, `requests` times: only what is documented may be answered, and only what is right may be
 * applied.
 */
export function hostileSuite(requests: number): void {
  test(`${requests} hostile requests: only what is documented, and only valid transactions are entries (seed ${seed})`, async () => {
    using folder = temporaryFolder();
    await using server = await startServer({ data: folder.path });
    const seen = new Seen();
    let left = requests;
    const client = async (random: Random): Promise<void> => {
      let connection = new RawConnection(server.port);
      while (left > 0) {
        left -= 1;
        const request = hostileRequest(random);
        try {
          connection.send(request.bytes, request.ends);
          const answer = await connection.answer(request.head);
          seen.check(request, answer);
        } catch (error) {
          throw new Error(`after ${JSON.stringify(request.bytes.toString("latin1").slice(0, 5_000))}`, {
            cause: error,
          });
        }
        if (request.isHttp && !connection.closed) continue;
        connection[Symbol.dispose]();
        connection = new RawConnection(server.port);
      }
      connection[Symbol.dispose]();
    };
    const clients = Array.from({ length: CONNECTIONS }, (_, index) => client(new Random(seed + index)));
    await Promise.all(clients);

    // Every kind of answer came: none of the generators has dried up.
    expect([...seen.statuses.keys()]).toEqual(expect.arrayContaining([...STATUSES]));
    // The rarest problem comes 31 times in 100,000 requests.
    if (requests >= 100_000) expect([...seen.problems].toSorted()).toEqual(Object.keys(PROBLEMS).toSorted());

    expect(new Set(seen.opened).size).toBe(seen.opened.length);
    for (const account of await readAccounts(server.url, seen.opened)) {
      const balances = (await readChain(server.url, account)).map((entry) => entry.saldo);
      expect(sorted(balances)).toEqual(sorted(seen.balances.get(account.id) ?? []));
    }
    expect(await server.stop()).toBe(0);
    expect(server.output().stderr).toBe("");
    const entries = auditFile(join(folder.path, "razonete.db"));
    expect(entries.length).toBe([...seen.balances.values()].flat().length);
  }, 180_000);
}

/** Judges the answers, and counts what they say has been done. */
class Seen {
  readonly statuses = new Map<number, number>();
  readonly problems = new Set<string>();
  /** The balances that the transactions of each account were answered, in the order of the answers. */
  readonly balances = new Map<string, number[]>();
  /** The ids of the accounts that were opened. */
  readonly opened: string[] = [];

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
    const { type, status, title, detail } = JSON.parse(answer.body);
    const name = String(type).replace("urn:razonete:problem:", "");
    if (PROBLEMS[name] !== answer.status || status !== answer.status)
      throw new Error(`problem ${answer.body}`);
    if (typeof title !== "string" || typeof detail !== "string") throw new Error(`problem ${answer.body}`);
    this.problems.add(name);
    const { transaction } = request;
    if (transaction === null) return;
    // Valid or not, the application has to think the same of it as this test.
    const keyRefused = name === "invalid-idempotency-key";
    if (keyRefused === isValidKey(transaction.key)) throw new Error(`answered ${name}`);
    if (!keyRefused && TO_VALID.has(name) !== isValid(transaction.body)) throw new Error(`answered ${name}`);
  }

  #count(request: HostileRequest, answer: RawAnswer): void {
    const body: { id?: unknown; limite?: unknown; saldo?: unknown } = JSON.parse(answer.body);
    if (answer.headers.get("idempotency-replayed") === "true") return;
    if (answer.status === 201) this.opened.push(String(body.id));
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
}

function sorted(balances: readonly number[]): number[] {
  return balances.toSorted((a, b) => a - b);
}

function isValidKey(key: string | null): boolean {
  return key === null || /^[!-~]{1,255}$/.test(key);
}

/** The contract's words on a body, once more, apart from the code under test. */
function isValid(bytes: Buffer): boolean {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes), unlessRounded);
  } catch {
    return false;
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return false;
  const members = new Map<string, unknown>(Object.entries(json));
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
