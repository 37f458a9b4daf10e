import { bounds } from "../bounds.ts";
import type { AccountState } from "../ledger/account.ts";
import type { Statement } from "../ledger/ledger.ts";
import { cutText } from "./text.ts";
import { timestamp } from "./timestamp.ts";

/** The JSON of the contest's answers, with its field names, which are Portuguese. */

/** The answer to a transaction. It is on the hot path, so it is written by hand; both values are integers. */
export function transactionJson(account: Pick<AccountState, "creditLimit" | "balance">): string {
  return `{"limite":${account.creditLimit},"saldo":${account.balance}}`;
}

/** A description that came by another route may be longer than the contest's, or missing. */
export function statementJson({ account, entries, readAt }: Statement): string {
  return JSON.stringify({
    saldo: { total: account.balance, data_extrato: timestamp(readAt), limite: account.creditLimit },
    ultimas_transacoes: entries.map((entry) => ({
      valor: entry.value,
      tipo: entry.kind === "credit" ? "c" : "d",
      descricao: cutText(entry.description, bounds.contest_description_characters_max),
      realizada_em: timestamp(entry.time),
    })),
  });
}
