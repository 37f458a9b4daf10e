import { bounds } from "../bounds.ts";
import type { AccountId } from "../ledger/account.ts";
import { isAccountId } from "../ledger/account-id.ts";
import type { CommandId } from "../ledger/command.ts";
import type { EntryKind } from "../ledger/entry.ts";
import type { HistoryPage } from "../ledger/ledger.ts";
import { type FieldError, invalidFields, type Problem } from "./problems.ts";
import { newRequestId } from "./request-id.ts";

/** What is read from a request: the value, or the problem to answer with. */
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

export interface TransactionBody {
  readonly valor: number;
  readonly kind: EntryKind;
  readonly descricao: string;
}

export interface OpenBody {
  readonly limite: number;
  readonly nome: string | null;
}

const CENTS = "an integer of cents";

/** @returns null if the text cannot be the id of an account; then it names none */
export function parseAccountId(text: string): AccountId | null {
  return isAccountId(text) ? text : null;
}

/**
 * The command's id: the client's key, or else the id that the balancer stamped on the request, or else a new one.
 *
 * @param stamp the id that a trusted balancer wrote into a header; null if there is none
 */
export function parseCommandId(key: string | null, stamp: string | null): Parsed<CommandId> {
  if (key !== null) return isId(key) ? accept<CommandId>(`key:${key}`) : reject(INVALID_KEY);
  return accept<CommandId>(stamp !== null && isId(stamp) ? `req:${stamp}` : newRequestId());
}

const INVALID_KEY: Problem = {
  name: "invalid-idempotency-key",
  detail: `Send an Idempotency-Key of 1 to ${bounds.idempotency_key_characters_max} visible ASCII characters, or none.`,
};

function isId(text: string): boolean {
  return text.length <= bounds.idempotency_key_characters_max && /^[\x21-\x7e]+$/.test(text);
}

/**
 * The contract's body. Other members than these three are ignored: clients of the contract differ in what they send.
 */
export function parseTransaction(json: unknown): Parsed<TransactionBody> {
  if (!isObject(json)) return reject(invalidFields([NOT_AN_OBJECT]));
  const { valor, tipo, descricao } = json;
  const kind = tipo === "c" ? "credit" : tipo === "d" ? "debit" : null;
  if (isCents(valor, 1) && kind !== null && isText(descricao, bounds.description_characters_max)) {
    return accept({ valor, kind, descricao });
  }
  const errors: FieldError[] = [];
  if (!isCents(valor, 1)) errors.push(field("valor", `must be ${CENTS} over 0, at most 2^53 - 1`));
  if (kind === null) errors.push(field("tipo", 'must be "c" (credit) or "d" (debit)'));
  if (!isText(descricao, bounds.description_characters_max)) {
    errors.push(field("descricao", textRule(bounds.description_characters_max)));
  }
  return reject(invalidFields(errors));
}

export function parseOpen(json: unknown): Parsed<OpenBody> {
  if (!isObject(json)) return reject(invalidFields([NOT_AN_OBJECT]));
  const { limite, nome } = json;
  const errors = [...limitErrors(limite), ...unknownMembers(json, ["limite", "nome"])];
  const named = nome !== undefined && nome !== null;
  if (named && !isText(nome, bounds.name_characters_max)) {
    errors.push(field("nome", textRule(bounds.name_characters_max)));
  }
  if (errors.length > 0 || !isCents(limite, 0)) return reject(invalidFields(errors));
  return accept({ limite, nome: named && isText(nome, bounds.name_characters_max) ? nome : null });
}

/** @returns the new limit, in cents */
export function parseChangeLimit(json: unknown): Parsed<number> {
  if (!isObject(json)) return reject(invalidFields([NOT_AN_OBJECT]));
  const errors = [...limitErrors(json["limite"]), ...unknownMembers(json, ["limite"])];
  if (errors.length > 0 || !isCents(json["limite"], 0)) return reject(invalidFields(errors));
  return accept(json["limite"]);
}

export function parseHistoryQuery(query: URLSearchParams): Parsed<HistoryPage> {
  const errors: FieldError[] = [];
  const count = query.get("quantidade") ?? String(bounds.history_page_entries_default);
  const before = query.get("antes_de");
  if (!isCount(count) || Number(count) > bounds.history_page_entries_max) {
    const detail = `quantidade must be an integer from 1 to ${bounds.history_page_entries_max}`;
    errors.push({ parameter: "quantidade", detail });
  }
  if (before !== null && !isCount(before)) {
    errors.push({ parameter: "antes_de", detail: "antes_de must be a seq, an integer from 1 to 2^53 - 1" });
  }
  if (errors.length > 0) return reject(invalidFields(errors));
  return accept({ count: Number(count), before: before === null ? null : Number(before) });
}

const NOT_AN_OBJECT: FieldError = { pointer: "#", detail: "the body must be a JSON object" };

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function isCents(value: unknown, min: 0 | 1): value is number {
  return Number.isSafeInteger(value) && Number(value) >= min;
}

/** Whether a text can be stored and returned unchanged: 1 to `max` code points, without U+0000 and lone surrogates. */
function isText(value: unknown, max: number): value is string {
  if (typeof value !== "string" || value.length === 0 || value.length > 2 * max) return false;
  // Only text that is longer in UTF-16 units than allowed needs its code points counted.
  if (value.length > max && codePoints(value) > max) return false;
  return !value.includes("\0") && value.isWellFormed();
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

function isCount(text: string): boolean {
  return /^[1-9][0-9]{0,15}$/.test(text) && Number.isSafeInteger(Number(text));
}

function limitErrors(limite: unknown): FieldError[] {
  return isCents(limite, 0) ? [] : [field("limite", `must be ${CENTS} from 0 to 2^53 - 1`)];
}

/** On our own routes an unknown member is an error: ignoring it would hide a mistake from its sender. */
function unknownMembers(json: Readonly<Record<string, unknown>>, known: readonly string[]): FieldError[] {
  if (Object.keys(json).every((name) => known.includes(name))) return [];
  return [{ pointer: "#", detail: `the body may have ${known.join(" and ")} only` }];
}

function textRule(max: number): string {
  return `must be a text of 1 to ${max} characters, without U+0000 and lone surrogates`;
}

function field(name: string, rule: string): FieldError {
  return { pointer: `#/${name}`, detail: `${name} ${rule}` };
}

function accept<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

function reject<T>(problem: Problem): Parsed<T> {
  return { ok: false, problem };
}
