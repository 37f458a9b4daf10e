import { bounds } from "../bounds.ts";
import type { CommandId } from "../ledger/command.ts";
import type { EntryKind } from "../ledger/entry.ts";
import { type FieldError, invalidFields, type Problem } from "./problems.ts";
import { type NumberedRequest, requestId } from "./request-id.ts";
import { isText, isVisibleAscii, textRule } from "./text.ts";

/** What is read from a request: the value, or the problem to answer with. */
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

export interface TransactionBody {
  readonly valor: number;
  readonly kind: EntryKind;
  readonly descricao: string;
}

/**
 * The command's id: the client's key, or else the id that the balancer stamped on the request, or else a new one.
 *
 * @param stampHeader the header into which a trusted balancer writes an id; if there is such a balancer
 */
export function parseCommandId(request: NumberedRequest, stampHeader: string | undefined): Parsed<CommandId> {
  const key = request.headers.get("idempotency-key");
  if (key === null) return accept(requestId(request, stampHeader));
  return isKey(key) ? accept<CommandId>(`key:${key}`) : reject(INVALID_KEY);
}

/** Whether the text can be an Idempotency-Key. */
export function isKey(text: string): boolean {
  return isVisibleAscii(text, bounds.idempotency_key_characters_max);
}

/** The same for the OpenAPI document. */
export const KEY = { minLength: 1, maxLength: bounds.idempotency_key_characters_max, pattern: "^[!-~]+$" };

const INVALID_KEY: Problem = {
  name: "invalid-idempotency-key",
  detail: `Send an Idempotency-Key of 1 to ${bounds.idempotency_key_characters_max} visible ASCII characters, or none.`,
};

/**
 * The contest's body. Other members than these three are ignored: clients of the contest differ in what they send.
 * Written by hand, since it is on the hot path.
 */
export function parseTransaction(json: unknown): Parsed<TransactionBody> {
  if (!isObject(json)) return reject(invalidFields([NOT_AN_OBJECT]));
  const { valor, tipo, descricao } = json;
  const kind = tipo === "c" ? "credit" : tipo === "d" ? "debit" : null;
  const isDescription = isText(descricao, 1, bounds.contest_description_characters_max);
  if (isCents(valor) && kind !== null && isDescription) return accept({ valor, kind, descricao });
  const errors: FieldError[] = [];
  if (!isCents(valor)) errors.push(field("valor", "must be an integer of cents over 0, at most 2^53 - 1"));
  if (kind === null) errors.push(field("tipo", 'must be "c" (credit) or "d" (debit)'));
  if (!isDescription) {
    errors.push(field("descricao", textRule(1, bounds.contest_description_characters_max)));
  }
  return reject(invalidFields(errors));
}

const NOT_AN_OBJECT: FieldError = { pointer: "#", detail: "the body must be a JSON object" };

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function isCents(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
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
