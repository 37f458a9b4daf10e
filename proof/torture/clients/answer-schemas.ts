import * as z from "zod";
import { bounds } from "../../../src/bounds.ts";
import type { ShownAccount, ShownHold, ShownStatement, ShownTransaction } from "./history.ts";

/** The bodies of answers. Strict: an extra member is as odd as a missing one. */

const time = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/, "not a time");
const id = z.string().regex(/^[A-Za-z0-9._:{}-]{1,64}$/, "not an id");
const amount = z.int().positive();
const metadata = z.record(z.string(), z.string());
const text = z.string().nullable();

/** Of the contest's route. */
export const standing = z.strictObject({ limite: z.int(), saldo: z.int() });

export const statement = z
  .strictObject({
    saldo: z.strictObject({ total: z.int(), data_extrato: time, limite: z.int() }),
    ultimas_transacoes: z
      .array(
        z.strictObject({
          valor: amount,
          tipo: z.enum(["c", "d"]),
          descricao: z.string(),
          realizada_em: time,
        }),
      )
      .max(bounds.statement_entries_max),
  })
  .transform(({ saldo, ultimas_transacoes }): ShownStatement => ({
    balance: saldo.total,
    creditLimit: saldo.limite,
    readAt: saldo.data_extrato,
    entries: ultimas_transacoes.map((entry) => ({
      kind: entry.tipo === "c" ? "credit" : "debit",
      value: entry.valor,
      description: entry.descricao,
      time: entry.realizada_em,
    })),
  }));

const stateMembers = {
  id,
  unit: z.string(),
  state: z.enum(["open", "frozen", "closed"]),
  credit_limit: z.int().nonnegative(),
  balance: z.int(),
  held: z.int().nonnegative(),
  available: z.int(),
  seq: z.int().nonnegative(),
  opened_at: time,
};

const state = z.strictObject(stateMembers).transform(shownAccount);

export const account = z
  .strictObject({ ...stateMembers, name: text, metadata })
  .transform((body) => ({ ...shownAccount(body), name: body.name }));

function shownAccount(body: z.infer<z.ZodObject<typeof stateMembers>>): ShownAccount {
  const { unit, held, available, seq } = body;
  const rest = { unit, state: body.state, held, available, seq };
  return { id: body.id, creditLimit: body.credit_limit, balance: body.balance, rest };
}

const transactionMembers = {
  postings: z.array(z.strictObject({ from: z.string(), to: z.string(), amount })).min(1),
  description: text,
  reference: text,
  metadata,
  reverses: id.nullable(),
  hold: id.nullable(),
  created_at: time,
};
const states = z.record(z.string(), state).transform((byId) => Object.values(byId));

export const createdTransaction = z
  .strictObject({ id, ...transactionMembers, accounts: states })
  .transform((body) => ({ transaction: shownTransaction(body), accounts: body.accounts }));

export const dryRun = z
  .strictObject({ id: z.null(), ...transactionMembers, accounts: states })
  .transform(({ accounts }) => accounts);

export const keptTransaction = z
  .strictObject({ id, ...transactionMembers, reversed_by: id.nullable() })
  .transform((body) => ({ transaction: shownTransaction(body), reversedBy: body.reversed_by }));

function shownTransaction({ id: of, postings, reference, reverses, hold: captured }: ShownTransaction) {
  return { id: of, postings, reference, reverses, hold: captured };
}

const holdMembers = {
  id,
  state: z.enum(["open", "captured", "released", "expired"]),
  from: id,
  to: z.string(),
  amount,
  captured: z.int().nonnegative(),
  expires_at: time,
  description: text,
  reference: text,
  metadata,
  created_at: time,
  transaction: id.nullable(),
};

export const hold = z.strictObject(holdMembers).transform(shownHold);

export const holdWithAccount = z
  .strictObject({ ...holdMembers, account: state })
  .transform((body) => ({ hold: shownHold(body), accounts: [body.account] }));

function shownHold(body: ShownHold): ShownHold {
  const { from, to, captured, transaction } = body;
  return { id: body.id, state: body.state, from, to, amount: body.amount, captured, transaction };
}

export const results = z.strictObject({
  results: z.array(
    z.strictObject({ status: z.int(), body: z.unknown(), replayed: z.literal(true).optional() }),
  ),
});

export const problem = z.object({
  type: z.string().startsWith("urn:razonete:problem:"),
  status: z.int(),
  account: z.string().optional(),
  index: z.int().optional(),
  posting: z.int().optional(),
  condition: z.int().optional(),
  state: z.string().optional(),
  reversal: z.string().optional(),
});
export const unavailable = z.object({ outcome: z.enum(["none", "unknown"]) });
