import { Fragment, h } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { pathOf } from "../api.ts";
import { Chart } from "../chart.tsx";
import { changeLimit, changeName, changeState } from "../forms/account-forms.tsx";
import { newHold, newTransaction } from "../forms/money-forms.tsx";
import { money, partsOf, shortMoney } from "../money.ts";
import { Action, Card, Details, Empty, Tag, Trouble } from "../parts.tsx";
import { useLive, usePages, useRead } from "../reads.ts";
import { serverNow } from "../time.ts";
import { type Account, type Entry, statesIn } from "../types.ts";
import { dateTime } from "../time.ts";
import { t } from "../words.ts";
import { Entries } from "./entries.tsx";
import { AccountHolds } from "./holds.tsx";
import { TAccount } from "./t-account.tsx";

const CHART_POINTS_MAX = 5_000;
const PAGES_AT_ONCE = 3;

export function AccountView({ id }: { readonly id: string }) {
  const account = useRead<Account>(pathOf(["v1", "accounts", id]));
  const entries = usePages<Entry>(pathOf(["v1", "accounts", id, "entries"], { limit: "100" }), PAGES_AT_ONCE);
  const { value } = account;
  useLive(
    (events) => {
      const states = events.flatMap((event) => statesIn(event)).filter((state) => state.id === id);
      const latest = states.at(-1);
      if (latest === undefined) return;
      account.change((before) => ({ ...before, ...latest }));
      if (latest.seq !== value?.seq) entries.reload();
    },
    () => {
      account.reload();
      entries.reload();
    },
  );
  if (account.problem !== null)
    return (
      <Fragment>
        <Title id={id} />
        <Trouble problem={account.problem} />
      </Fragment>
    );
  if (value === null) return <Title id={id} />;
  return (
    <Fragment>
      <Title id={id} account={value} />
      <Actions account={value} />
      <div class="columns">
        <div class="column">
          <Card title={t("account.picture")}>
            <TAccount account={value} />
            <Facts account={value} />
          </Card>
          <AccountHolds account={value} />
        </div>
        <div class="column wide">
          <Card title={t("account.over-time")}>
            <BalanceOverTime account={value} entries={entries.items} />
          </Card>
          <Entries account={value} entries={entries} />
        </div>
      </div>
    </Fragment>
  );
}

function Title({ id, account }: { readonly id: string; readonly account?: Account }) {
  return (
    <div class="view-head">
      <div class="title">
        <p class="soft small">
          {t("account.account")} <span class="id">{account?.name === null ? "" : id}</span>
        </p>
        <h1>{account?.name ?? id}</h1>
      </div>
      {account !== undefined && (
        <div class="title-aside">
          <strong class={account.balance < 0 ? "balance negative" : "balance"}>
            {money(account.balance, account.unit)}
          </strong>
          <span class="soft">{partsOf(account.unit).code}</span>
          {account.state !== "open" && <Tag state={account.state} />}
        </div>
      )}
    </div>
  );
}

function Actions({ account }: { readonly account: Account }) {
  const { id, state } = account;
  const closed = state === "closed";
  return (
    <div class="actions">
      <Action
        needs={["transactions:write"]}
        kind="main"
        disabled={closed}
        onClick={() => newTransaction({ from: id })}
      >
        {t("account.move-out")}
      </Action>
      <Action needs={["transactions:write"]} disabled={closed} onClick={() => newTransaction({ to: id })}>
        {t("account.move-in")}
      </Action>
      <Action needs={["holds:write"]} disabled={closed} onClick={() => newHold({ from: id })}>
        {t("new.hold")}
      </Action>
      <Action needs={["accounts:write"]} disabled={closed} onClick={() => changeLimit(account)}>
        {t("account.change-limit")}
      </Action>
      <Action needs={["accounts:write"]} disabled={closed} onClick={() => changeName(account)}>
        {t("account.change-name")}
      </Action>
      <Action
        needs={["accounts:write"]}
        disabled={closed}
        onClick={() => changeState(account, state === "frozen" ? "open" : "frozen")}
      >
        {t(state === "frozen" ? "account.unfreeze" : "account.freeze")}
      </Action>
      <Action
        needs={["accounts:write"]}
        kind="danger"
        disabled={closed}
        onClick={() => changeState(account, "closed")}
      >
        {t("account.close")}
      </Action>
    </div>
  );
}

function Facts({ account }: { readonly account: Account }) {
  const { unit } = account;
  return (
    <Details
      rows={[
        [t("account.unit"), unit],
        [t("account.opened"), dateTime(account.opened_at)],
        [t("account.entries-count"), String(account.seq)],
      ]}
      metadata={account.metadata}
    />
  );
}

interface OverTimeOptions {
  readonly account: Account;
  readonly entries: readonly Entry[] | null;
}

/** As far back as the entries that are loaded, and up to now. */
function BalanceOverTime({ account, entries }: OverTimeOptions) {
  const { unit, opened_at: opened, seq, balance } = account;
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 10_000);
    return () => clearInterval(timer);
  }, []);
  const { times, values } = useMemo(() => {
    const known = thinned((entries ?? []).toReversed());
    const first = known[0];
    // Before its first entry it had nothing; of what is further back nothing is known here.
    const start =
      first === undefined || first.seq === 1 ? [{ at: Date.parse(opened) / 1_000, value: 0 }] : [];
    const points = [
      ...start,
      ...known.map((entry) => ({ at: Date.parse(entry.created_at) / 1_000, value: entry.balance })),
    ];
    const end = Math.max(now / 1_000, points.at(-1)?.at ?? 0);
    const all = [...points, { at: end, value: balance }];
    return { times: all.map(({ at }) => at), values: all.map(({ value }) => value) };
  }, [entries, opened, balance, now]);
  if (entries === null) return <Empty>{t("list.loading")}</Empty>;
  if (seq === 0) return <Empty>{t("account.no-entries")}</Empty>;
  return (
    <Chart
      label={t("account.over-time-label", { balance: money(balance, unit), unit: partsOf(unit).code })}
      times={times}
      lines={[{ label: t("account.balance"), colour: "accent", stepped: true, fill: true, values }]}
      format={(value) => shortMoney(value, unit)}
      exact={(value) => money(value, unit)}
      height={200}
    />
  );
}

/** Each so-many-th of them, and the last one. */
function thinned(entries: readonly Entry[]): readonly Entry[] {
  const step = Math.ceil(entries.length / CHART_POINTS_MAX);
  return step <= 1 ? entries : entries.filter((_entry, at) => at % step === 0 || at === entries.length - 1);
}
