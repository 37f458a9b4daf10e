import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { pathOf } from "../api.ts";
import { newTransaction } from "../forms/money-forms.tsx";
import { recentEvents } from "../live.ts";
import { AccountLink, Action, Amount, Empty, More, Trouble, UnitCode } from "../parts.tsx";
import { useLive, usePages, useSettled } from "../reads.ts";
import { hrefOf } from "../routes.ts";
import { useStore } from "../store.ts";
import { shortTime } from "../time.ts";
import type { LedgerEvent, Transaction } from "../types.ts";
import { t } from "../words.ts";
import { Arrow } from "./happenings.tsx";
import { System } from "./accounts.tsx";
import { useUnits } from "./units.ts";

const SHOWN_MAX = 500;

export function Transactions() {
  const [search, setSearch] = useState({ reference: "", account: "" });
  const { reference, account } = useSettled(search);
  const path = pathOf(["v1", "transactions"], {
    reference: reference.trim(),
    account: account.trim(),
    limit: "50",
  });
  const system = account.trim().startsWith("@");
  const { items, problem, more, loading, reload, change } = usePages<Transaction>(system ? null : path);
  const events = useStore(recentEvents);
  const searching = reference.trim() !== "" || account.trim() !== "";
  useLive((told) => {
    const made = told
      .flatMap(transactionsIn)
      .filter((one) => !searching || isFound(one, reference.trim(), account.trim()));
    if (made.length === 0) return;
    change((before) => {
      const known = new Set(before.map(({ id }) => id));
      const fresh = made.filter(({ id }) => !known.has(id)).toReversed();
      return [...fresh, ...before].slice(0, Math.max(SHOWN_MAX, before.length));
    });
  }, reload);
  const units = useUnits(items ?? [], events);
  return (
    <Fragment>
      <div class="view-head">
        <h1>{t("transactions.title")}</h1>
        <Action needs={["transactions:write"]} kind="main" onClick={() => newTransaction({})}>
          {t("new.transaction")}
        </Action>
      </div>
      <search class="filters">
        <label class="filter main">
          <span>{t("transaction.reference")}</span>
          <input
            type="search"
            autocomplete="off"
            value={search.reference}
            onInput={(event) => setSearch({ ...search, reference: event.currentTarget.value })}
          />
        </label>
        <label class="filter main">
          <span>{t("account.account")}</span>
          <input
            type="search"
            autocomplete="off"
            spellcheck={false}
            value={search.account}
            onInput={(event) => setSearch({ ...search, account: event.currentTarget.value })}
          />
        </label>
      </search>
      <section class="card" aria-label={t("transactions.title")}>
        {system && <System />}
        {problem !== null && <Trouble problem={problem} />}
        {items === null && problem === null && !system && <Empty>{t("list.loading")}</Empty>}
        {items !== null && items.length === 0 && (
          <Empty>{t(searching ? "transactions.none-found" : "transactions.none")}</Empty>
        )}
        {items !== null && items.length > 0 && (
          <div class="table-frame">
            <table id="transactions" class="stacking">
              <caption class="unseen">{t("transactions.title")}</caption>
              <thead>
                <tr>
                  <th>{t("entries.time")}</th>
                  <th>{t("transactions.moved")}</th>
                  <th>{t("entries.description")}</th>
                  <th>{t("transaction.reference")}</th>
                  <th class="number">{t("entries.amount")}</th>
                </tr>
              </thead>
              <tbody>
                {items.map((transaction) => (
                  <Row
                    key={transaction.id}
                    transaction={transaction}
                    unit={units.get(transaction.id) ?? null}
                  />
                ))}
              </tbody>
            </table>
          </div>
        )}
        <More more={more} loading={loading} />
      </section>
    </Fragment>
  );
}

function Row({ transaction, unit }: { readonly transaction: Transaction; readonly unit: string | null }) {
  const { id, postings, description, reference, reverses, created_at: created } = transaction;
  const [first] = postings;
  return (
    <tr>
      <td>
        <a href={hrefOf.transaction(id)} class="plain-link">
          <time dateTime={created}>{shortTime(created)}</time>
        </a>
      </td>
      <td class="clip whole">
        {first !== undefined && (
          <span class="who">
            <AccountLink id={first.from} />
            <Arrow />
            <AccountLink id={first.to} />
            {postings.length > 1 && (
              <span class="soft small">{t("event.more", { count: postings.length - 1 })}</span>
            )}
          </span>
        )}
      </td>
      <td class="clip" title={description ?? undefined}>
        {reverses !== null && <span class="tag reversal">{t("transaction.is-reversal")}</span>} {description}
      </td>
      <td class="clip soft small">{reference}</td>
      <td class="number main">
        {first !== undefined && <Amount amount={first.amount} unit={unit} />}{" "}
        {unit !== null && <UnitCode unit={unit} />}
      </td>
    </tr>
  );
}

function transactionsIn(event: LedgerEvent): readonly Transaction[] {
  if (event.type !== "transaction.created") return [];
  const { accounts: _accounts, postings, ...rest } = event.data;
  // To a key that is bound other sides are null; the list does not have such transactions.
  const own = postings.flatMap(({ from, to, amount }) =>
    from === null || to === null ? [] : [{ from, to, amount }],
  );
  return own.length === postings.length ? [{ ...rest, postings: own }] : [];
}

function isFound({ reference: has, postings }: Transaction, reference: string, account: string): boolean {
  if (reference !== "" && has !== reference) return false;
  return account === "" || postings.some(({ from, to }) => from === account || to === account);
}
