import { Fragment, h } from "preact";
import { pathOf } from "../api.ts";
import { recentEvents } from "../live.ts";
import { money, partsOf } from "../money.ts";
import { AccountLink, Empty } from "../parts.tsx";
import { useLive, useRead } from "../reads.ts";
import { hrefOf } from "../routes.ts";
import { useStore } from "../store.ts";
import { clock } from "../time.ts";
import { type LedgerEvent, type List, statesIn, type Transaction } from "../types.ts";
import { t } from "../words.ts";
import { useUnits } from "./units.ts";

const SHOWN = 14;
const NONE: readonly Transaction[] = [];

/** What was decided, newest first: one line each. Where the page has not heard of so much yet, the latest transactions. */
export function Happenings() {
  const events = useStore(recentEvents);
  const past = useRead<List<Transaction>>(pathOf(["v1", "transactions"], { limit: String(SHOWN) }));
  useLive(() => {}, past.reload);
  const before = past.value?.data ?? NONE;
  const units = useUnits(before, events);
  const heard = new Set(events.map(({ data }) => data.id));
  const shown = [...events, ...before.filter(({ id }) => !heard.has(id)).map(asEvent)]
    .toSorted((a, b) => b.at.localeCompare(a.at))
    .slice(0, SHOWN);
  if (shown.length === 0) return <Empty>{t("overview.nothing-yet")}</Empty>;
  return (
    <ol class="rows happenings">
      {shown.map((event) => (
        <li key={event.id}>
          <time class="soft small" dateTime={event.at}>
            {clock(event.at)}
          </time>
          <Happening event={event} unit={unitIn(event) ?? units.get(event.data.id) ?? null} />
        </li>
      ))}
    </ol>
  );
}

function asEvent(transaction: Transaction): LedgerEvent {
  const { id, created_at: at } = transaction;
  return { id, at, type: "transaction.created", data: { ...transaction, accounts: {} } };
}

function Happening({ event, unit }: { readonly event: LedgerEvent; readonly unit: string | null }) {
  switch (event.type) {
    case "account.opened":
    case "account.changed": {
      const { id, state } = event.data;
      const word = event.type === "account.opened" ? "event.opened" : "event.changed";
      return (
        <Fragment>
          <span class="what">{t(word)}</span>
          <span class="who">
            <AccountLink id={id} />
          </span>
          <span class="how-much soft">{state === "open" ? event.data.unit : t(`state.${state}`)}</span>
        </Fragment>
      );
    }
    case "transaction.created": {
      const { id, postings, reverses } = event.data;
      const [first] = postings;
      if (first === undefined) return null;
      return (
        <Fragment>
          <a class="what" href={hrefOf.transaction(id)}>
            {t(reverses === null ? "event.transaction" : "event.reversal")}
          </a>
          <span class="who">
            <AccountLink id={first.from} />
            <Arrow />
            <AccountLink id={first.to} />
            {postings.length > 1 && (
              <span class="soft small"> {t("event.more", { count: postings.length - 1 })}</span>
            )}
          </span>
          <HowMuch amount={first.amount} unit={unit} />
        </Fragment>
      );
    }
    case "hold.created":
    case "hold.captured":
    case "hold.released":
    case "hold.expired": {
      const { id, from, to, amount, captured } = event.data;
      return (
        <Fragment>
          <a class="what" href={hrefOf.hold(id)}>
            {t(`event.${event.type}`)}
          </a>
          <span class="who">
            <AccountLink id={from} />
            <Arrow />
            <AccountLink id={to} />
          </span>
          <HowMuch amount={event.type === "hold.captured" ? captured : amount} unit={unit} />
        </Fragment>
      );
    }
  }
}

function HowMuch({ amount, unit }: { readonly amount: number; readonly unit: string | null }) {
  return (
    <span class="how-much">
      {money(amount, unit)} {unit !== null && <span class="soft small">{partsOf(unit).code}</span>}
    </span>
  );
}

export function Arrow() {
  return (
    <span class="arrow">
      <span class="unseen">{t("event.to")}</span>
      <svg viewBox="0 0 20 10" aria-hidden="true">
        <path d="M1 5h16M13 1.5L17.5 5 13 8.5" />
      </svg>
    </span>
  );
}

function unitIn(event: LedgerEvent): string | null {
  return statesIn(event)[0]?.unit ?? null;
}
