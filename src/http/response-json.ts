import type { Account, AccountState, Micros, AccountId } from "../ledger/account.ts";
import type { Entry } from "../ledger/entry.ts";
import type { HistoryPage, Statement } from "../ledger/ledger.ts";

/** The JSON of the answers, with the field names of the contract, which are Portuguese. */

/** The contract's answer to a transaction. It is on the hot path, so it is written by hand; both values are integers. */
export function transactionJson(account: AccountState): string {
  return `{"limite":${account.creditLimit},"saldo":${account.balance}}`;
}

export function accountJson(account: AccountState & Pick<Account, "name">): string {
  const { id, name, creditLimit, balance } = account;
  return JSON.stringify({ id, nome: name, limite: creditLimit, saldo: balance });
}

export function statementJson({ account, entries, readAt }: Statement): string {
  return JSON.stringify({
    saldo: { total: account.balance, data_extrato: timestamp(readAt), limite: account.creditLimit },
    ultimas_transacoes: entries.map((entry) => ({
      valor: entry.value,
      tipo: letterOf(entry),
      descricao: entry.description,
      realizada_em: timestamp(entry.time),
    })),
  });
}

export function historyJson(entries: readonly Entry[]): string {
  return JSON.stringify({
    transacoes: entries.map((entry) => ({
      seq: entry.seq,
      valor: entry.value,
      tipo: letterOf(entry),
      descricao: entry.description,
      saldo: entry.balance,
      realizada_em: timestamp(entry.time),
    })),
  });
}

/** The address of an account. Of what an id may have, only braces are not allowed in one. */
export function pathOf(id: AccountId): string {
  return `/clientes/${encodeURI(id)}`;
}

/** @returns the address of the next (older) page; null after the last one. Seq has no gaps and starts at 1 */
export function nextPage(id: AccountId, page: HistoryPage, entries: readonly Entry[]): string | null {
  const oldest = entries.at(-1);
  if (oldest === undefined || oldest.seq === 1) return null;
  return `${pathOf(id)}/transacoes?quantidade=${page.count}&antes_de=${oldest.seq}`;
}

function letterOf(entry: Entry): "c" | "d" {
  return entry.kind === "credit" ? "c" : "d";
}

/** ISO 8601 in UTC with six digits of the second, such as 2024-01-17T02:34:41.217753Z. */
export function timestamp(time: Micros): string {
  const toMilliseconds = new Date(Math.floor(time / 1000)).toISOString().slice(0, -1);
  return `${toMilliseconds}${String(time % 1000).padStart(3, "0")}Z`;
}
