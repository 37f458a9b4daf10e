import { Fragment, h } from "preact";
import { useMemo, useState } from "preact/hooks";
import { pathOf } from "../api.ts";
import { openAccount } from "../forms/account-forms.tsx";
import { money, parseMoney, partsOf } from "../money.ts";
import { AccountLink, Action, Amount, Empty, More, Tag, Trouble } from "../parts.tsx";
import { useLive, usePages, useSettled } from "../reads.ts";
import { type Account, statesIn } from "../types.ts";
import { locale, t } from "../words.ts";

type By = "id" | "name";
type Order = "id" | "name" | "balance" | "available" | "held";
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
  const [order, setOrder] = useState<{ readonly by: Order; readonly down: boolean }>({
    by: "id",
    down: false,
  });
  const path = pathFor(useSettled(search));
  const { items, problem, more, loading, reload, change } = usePages<Account>(path);
  useLive((events) => {
    const now = new Map(events.flatMap(statesIn).map((state) => [state.id, state]));
    change((accounts) => accounts.map((account) => ({ ...account, ...now.get(account.id) })));
    if (events.some(({ type }) => type === "account.opened") && (items?.length ?? 0) < PAGE) reload();
  }, reload);
  const sorted = useMemo(() => (items === null ? null : inOrder(items, order)), [items, order]);
  const set = (part: Partial<Search>): void => setSearch((before) => ({ ...before, ...part }));
  const isSorted = order.by !== "id" || order.down;

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
        {problem !== null && <Trouble problem={problem} />}
        {sorted === null && problem === null && <Empty>{t("list.loading")}</Empty>}
        {sorted !== null && sorted.length === 0 && (
          <Empty>
            {more !== null
              ? t("accounts.none-here")
              : isSearch(search)
                ? t("accounts.none-found")
                : t("accounts.none")}
          </Empty>
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
                  <Head by="balance" order={order} setOrder={setOrder} label={t("account.balance")} number />
                  <Head by="held" order={order} setOrder={setOrder} label={t("account.held")} number />
                  <Head
                    by="available"
                    order={order}
                    setOrder={setOrder}
                    label={t("account.available")}
                    number
                  />
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
                    <td class="soft unit">{partsOf(account.unit).code}</td>
                    <td class="number main">
                      <Amount amount={account.balance} unit={account.unit} />
                    </td>
                    <td
                      class={account.held === 0 ? "number faint wide-only" : "number held"}
                      data-label={t("account.held")}
                    >
                      {money(account.held, account.unit)}
                    </td>
                    <td class="number second" data-label={t("account.available")}>
                      {money(account.available, account.unit)}
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
              : t(isSorted ? "list.sorted-part" : "list.part", { count: whole(sorted.length) })}
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

function Head({ by, order, setOrder, label, number = false }: HeadOptions) {
  const chosen = order.by === by;
  return (
    <th
      class={number ? "number" : undefined}
      aria-sort={chosen ? (order.down ? "descending" : "ascending") : "none"}
    >
      <button
        type="button"
        class="sort"
        onClick={() => setOrder({ by, down: chosen ? !order.down : number })}
      >
        {label}
        <span aria-hidden="true" class="sort-mark">
          {chosen ? (order.down ? "\u2193" : "\u2191") : ""}
        </span>
      </button>
    </th>
  );
}

interface HeadOptions {
  readonly by: Order;
  readonly order: { readonly by: Order; readonly down: boolean };
  readonly setOrder: (order: { readonly by: Order; readonly down: boolean }) => void;
  readonly label: string;
  readonly number?: boolean;
}

function inOrder(
  accounts: readonly Account[],
  { by, down }: { readonly by: Order; readonly down: boolean },
): readonly Account[] {
  const compare = new Intl.Collator(locale(), { numeric: true }).compare;
  const ascending = accounts.toSorted((a, b) =>
    by === "id" ? compare(a.id, b.id) : by === "name" ? compare(a.name ?? "", b.name ?? "") : a[by] - b[by],
  );
  // As the server lists them: by id, byte by byte.
  if (by === "id" && !down) return accounts;
  return down ? ascending.toReversed() : ascending;
}

function pathFor({ by, text, unit, state, over, under }: Search): string {
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
    limit: String(PAGE),
  });
}

function isSearch({ text, unit, state, over, under }: Search): boolean {
  return [text, unit, state, over, under].some((part) => part.trim() !== "");
}

function whole(count: number): string {
  return new Intl.NumberFormat(locale()).format(count);
}
