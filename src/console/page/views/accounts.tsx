import { Fragment, h } from "preact";
import { useMemo, useState } from "preact/hooks";
import { pathOf } from "../api.ts";
import { openAccount } from "../forms/account-forms.tsx";
import { moneyOf, parseMoney } from "../money.ts";
import { AccountLink, Action, Amount, Details, Empty, More, Tag, Trouble, UnitCode } from "../parts.tsx";
import { useStore } from "../store.ts";
import { latestOf, told } from "../status.ts";
import { useLive, usePages, useSettled } from "../reads.ts";
import { type Account, statesIn } from "../types.ts";
import { locale, t } from "../words.ts";

type By = "id" | "name";
type Order = "id" | "name" | "balance" | "-balance";
interface Search {
  readonly by: By;
  readonly text: string;
  readonly unit: string;
  readonly state: string;
  readonly over: string;
  readonly under: string;
}

const NOTHING: Search = { by: "id", text: "", unit: "", state: "", over: "", under: "" };
const PAGE = 100;

export function Accounts() {
  const [search, setSearch] = useState(NOTHING);
  const [order, setOrder] = useState<Order>("id");
  const settled = useSettled(search);
  const system = isSystem(settled);
  const { items, problem, more, loading, reload, change } = usePages<Account>(
    system ? null : pathFor(settled, order),
  );
  const byBalance = order.endsWith("balance");
  useLive(
    (events) => {
      const now = new Map(events.flatMap(statesIn).map((state) => [state.id, state]));
      change((accounts) => accounts.map((account) => ({ ...account, ...now.get(account.id) })));
      const opened = events.some(({ type }) => type === "account.opened");
      if (opened && !loading && (items?.length ?? 0) < PAGE) reload();
    },
    // All accounts are looked through for it.
    byBalance ? () => {} : reload,
  );
  // What happened meanwhile may have changed their order.
  const sorted = useMemo(
    () =>
      byBalance
        ? (items?.toSorted((a, b) => (order === "balance" ? a.balance - b.balance : b.balance - a.balance)) ??
          null)
        : items,
    [items, order],
  );
  const set = (part: Partial<Search>): void => setSearch((before) => ({ ...before, ...part }));

  return (
    <Fragment>
      <div class="view-head">
        <h1>{t("accounts.title")}</h1>
        <Action needs={["accounts:write"]} kind="main" onClick={() => openAccount()}>
          {t("new.account")}
        </Action>
      </div>
      <Searching search={search} set={set} />
      <section class="card" aria-label={t("accounts.title")}>
        {system && <System />}
        {problem !== null && <Trouble problem={problem} />}
        {sorted === null && problem === null && !system && <Empty>{t("list.loading")}</Empty>}
        {sorted !== null && sorted.length === 0 && (
          <Empty>{t(isSearch(search) ? "accounts.none-found" : "accounts.none")}</Empty>
        )}
        {sorted !== null && sorted.length > 0 && (
          <div class="table-frame">
            <table id="accounts" class="stacking">
              <caption class="unseen">{t("accounts.title")}</caption>
              <thead>
                <tr>
                  <Head by="id" order={order} setOrder={setOrder} label={t("account.account")} />
                  <Head by="name" order={order} setOrder={setOrder} label={t("account.name")} />
                  <th>{t("account.unit")}</th>
                  <Head by="balance" order={order} setOrder={setOrder} label={t("account.balance")} />
                  <th class="number">{t("account.held")}</th>
                  <th class="number">{t("account.available")}</th>
                  <th>{t("account.state")}</th>
                </tr>
              </thead>
              <tbody>
                {sorted.map((account) => (
                  <tr key={account.id}>
                    <th scope="row" class="clip">
                      <AccountLink id={account.id} />
                    </th>
                    <td class="clip name" title={account.name ?? undefined}>
                      {account.name}
                    </td>
                    <td class="unit">
                      <UnitCode unit={account.unit} />
                    </td>
                    <td class="number main">
                      <Amount amount={account.balance} unit={account.unit} />
                    </td>
                    <td
                      class={account.held === 0 ? "number faint wide-only" : "number held"}
                      data-label={t("account.held")}
                    >
                      <Amount amount={account.held} unit={account.unit} />
                    </td>
                    <td class="number second" data-label={t("account.available")}>
                      <Amount amount={account.available} unit={account.unit} />
                    </td>
                    <td class="state">{account.state !== "open" && <Tag state={account.state} />}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {sorted !== null && sorted.length > 0 && (
          <p class="foot soft" role="status">
            {more === null
              ? t("list.all", { count: whole(sorted.length) })
              : t("list.part", { count: whole(sorted.length) })}
          </p>
        )}
        <More more={more} loading={loading} />
      </section>
    </Fragment>
  );
}

function Searching({
  search,
  set,
}: {
  readonly search: Search;
  readonly set: (part: Partial<Search>) => void;
}) {
  const wrong = (text: string): boolean =>
    text.trim() !== "" && parseMoney(text.replace(/^[-\u2212]/, ""), search.unit) === null;
  return (
    <search class="filters">
      <label class="filter main">
        <span>{t("accounts.search")}</span>
        <input
          id="search"
          type="search"
          value={search.text}
          placeholder={t(search.by === "id" ? "accounts.search-id" : "accounts.search-name")}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => set({ text: event.currentTarget.value })}
        />
      </label>
      <label class="filter">
        <span>{t("accounts.by")}</span>
        <select
          value={search.by}
          onChange={(event) => set({ by: event.currentTarget.value === "name" ? "name" : "id" })}
        >
          <option value="id">{t("accounts.by-id")}</option>
          <option value="name">{t("account.name")}</option>
        </select>
      </label>
      <label class="filter narrow">
        <span>{t("account.unit")}</span>
        <input
          value={search.unit}
          placeholder="BRL/2"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => set({ unit: event.currentTarget.value.toUpperCase() })}
        />
      </label>
      <label class="filter narrow">
        <span>{t("account.state")}</span>
        <select value={search.state} onChange={(event) => set({ state: event.currentTarget.value })}>
          <option value="">{t("accounts.any")}</option>
          <option value="open">{t("state.open")}</option>
          <option value="frozen">{t("state.frozen")}</option>
          <option value="closed">{t("state.closed")}</option>
        </select>
      </label>
      <label class="filter narrow">
        <span>{t("accounts.over")}</span>
        <input
          inputMode="decimal"
          value={search.over}
          aria-invalid={wrong(search.over)}
          onInput={(event) => set({ over: event.currentTarget.value })}
        />
      </label>
      <label class="filter narrow">
        <span>{t("accounts.under")}</span>
        <input
          inputMode="decimal"
          value={search.under}
          aria-invalid={wrong(search.under)}
          onInput={(event) => set({ under: event.currentTarget.value })}
        />
      </label>
    </search>
  );
}

function Head({ by, order, setOrder, label }: HeadOptions) {
  const down = order[0] === "-";
  const chosen = order === by || order === `-${by}`;
  return (
    <th
      class={by === "balance" ? "number" : undefined}
      aria-sort={chosen ? (down ? "descending" : "ascending") : "none"}
    >
      <button
        type="button"
        class="sort"
        onClick={() => setOrder(by === "balance" && order !== "-balance" ? "-balance" : by)}
      >
        {label}
        <span aria-hidden="true" class="sort-mark">
          {chosen ? (down ? "\u2193" : "\u2191") : ""}
        </span>
      </button>
    </th>
  );
}

interface HeadOptions {
  readonly by: "id" | "name" | "balance";
  readonly order: Order;
  readonly setOrder: (order: Order) => void;
  readonly label: string;
}

/** No account of the list has such an id. */
function isSystem({ by, text }: Search): boolean {
  return by === "id" && text.trim().startsWith("@");
}

/** What there is to know of the one that the ledger has for itself. */
export function System() {
  const units = latestOf(useStore(told))?.units ?? [];
  return (
    <div class="beginning">
      <p>{t("accounts.system")}</p>
      <Details rows={units.map(({ unit, world }) => [`@world, ${unit}`, moneyOf(world, unit)])} />
    </div>
  );
}

function pathFor({ by, text, unit, state, over, under }: Search, order: Order): string {
  const wanted = text.trim();
  const bound = (typed: string): string | null => {
    const amount = parseMoney(typed.trim().replace(/^[-\u2212]/, ""), unit);
    return amount === null ? null : String(/^\s*[-\u2212]/.test(typed) ? -amount : amount);
  };
  return pathOf(["v1", "accounts"], {
    prefix: by === "id" ? wanted : null,
    name: by === "name" ? wanted : null,
    unit: /^[A-Z][A-Z0-9_]{0,15}(\/\d{1,2})?$/.test(unit) ? unit : null,
    state,
    balance_gt: bound(over),
    balance_lt: bound(under),
    order: order === "id" ? null : order,
    limit: String(PAGE),
  });
}

function isSearch({ text, unit, state, over, under }: Search): boolean {
  return [text, unit, state, over, under].some((part) => part.trim() !== "");
}

function whole(count: number): string {
  return new Intl.NumberFormat(locale()).format(count);
}
