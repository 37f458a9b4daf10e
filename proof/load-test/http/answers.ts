import * as z from "zod";
import { contestRules } from "../contest-rules.ts";

const transactionAnswer = z.object({ limite: z.int(), saldo: z.int() });

const statementAnswer = z.object({
  saldo: z.object({ total: z.int(), data_extrato: z.string().refine(isTime, "not a time"), limite: z.int() }),
  ultimas_transacoes: z
    .array(
      z.object({
        valor: z.int().positive(),
        tipo: z.enum(["c", "d"]),
        descricao: z.string(),
        realizada_em: z.string().refine(isTime, "not a time"),
      }),
    )
    .max(contestRules.statement_entries_max),
});

/** The answer to a transaction. Amounts are in cents. */
export interface TransactionAnswer {
  readonly limit: number;
  readonly balance: number;
}

export interface StatementAnswer {
  readonly limit: number;
  readonly balance: number;
  /** In the order of the answer: newest first, if the server is correct. */
  readonly entries: readonly StatementEntry[];
}

export interface StatementEntry {
  readonly kind: "debit" | "credit";
  readonly value: number;
  readonly description: string;
  /** Microseconds since 1970. Finer digits are in the fraction. */
  readonly time: number;
}

/** The answer, or what is wrong with its format, as the end of a sentence. */
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

export function parseTransactionAnswer(body: string): Parsed<TransactionAnswer> {
  const parsed = parse(transactionAnswer, body);
  if (!parsed.ok) return parsed;
  return { ok: true, value: { limit: parsed.value.limite, balance: parsed.value.saldo } };
}

export function parseStatementAnswer(body: string): Parsed<StatementAnswer> {
  const parsed = parse(statementAnswer, body);
  if (!parsed.ok) return parsed;
  const { saldo, ultimas_transacoes } = parsed.value;
  const entries = ultimas_transacoes.map((entry): StatementEntry => ({
    kind: entry.tipo === "d" ? "debit" : "credit",
    value: entry.valor,
    description: entry.descricao,
    time: microseconds(entry.realizada_em),
  }));
  return { ok: true, value: { limit: saldo.limite, balance: saldo.total, entries } };
}

function parse<T>(schema: z.ZodType<T>, body: string): Parsed<T> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return { ok: false, reason: `it is not JSON: ${excerpt(body)}` };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issue = parsed.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? "it" : `"${issue.path.join(".")}"`;
  return {
    ok: false,
    reason: `${where} is not as it should be (${issue?.message ?? "unknown"}): ${excerpt(body)}`,
  };
}

/** The start of a body, short enough for a sentence. */
export function excerpt(body: string): string {
  const line = body.replaceAll(/\s+/g, " ").trim();
  if (line === "") return "the body is empty";
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}

function isTime(text: string): boolean {
  return !Number.isNaN(microseconds(text));
}

/** `Date` alone has only milliseconds, and a fast server makes several transactions in one of them. */
function microseconds(text: string): number {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? "";
  const wholeSeconds = Date.parse(fraction === "" ? text : text.replace(`.${fraction}`, ""));
  return wholeSeconds * 1000 + Number(`0.${fraction}0`) * 1e6;
}
