import { partsOf, money } from "../money.ts";
import { AccountLink, Empty } from "../parts.tsx";
import { hrefOf } from "../routes.ts";
import { clock } from "../time.ts";
import type { LedgerEvent } from "../types.ts";
import { t } from "../words.ts";

/** What was decided, newest first: one line each. */
export function Happenings({
  events,
  empty,
}: {
  readonly events: readonly LedgerEvent[];
  readonly empty: string;
}) {
  if (events.length === 0) return <Empty>{empty}</Empty>;
  return (
    <ol class="rows happenings">
      {events.map((event) => (
        <li key={event.id}>
          <time class="soft small" dateTime={event.at}>
            {clock(event.at)}
          </time>
          <Happening event={event} />
        </li>
      ))}
    </ol>
  );
}

function Happening({ event }: { readonly event: LedgerEvent }) {
  switch (event.type) {
    case "account.opened":
    case "account.changed": {
      const { id, unit, state } = event.data;
      const word = event.type === "account.opened" ? "event.opened" : "event.changed";
      return (
        <>
          <span class="what">{t(word)}</span>
          <span class="who">
            <AccountLink id={id} />
          </span>
          <span class="how-much soft">{state === "open" ? partsOf(unit).code : t(`state.${state}`)}</span>
        </>
      );
    }
    case "transaction.created": {
      const { id, postings, accounts, reverses } = event.data;
      const [first] = postings;
      if (first === undefined) return null;
      const unit = unitOf(accounts);
      return (
        <>
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
        </>
      );
    }
    case "hold.created":
    case "hold.captured":
    case "hold.released":
    case "hold.expired": {
      const { id, from, to, amount, captured, accounts } = event.data;
      return (
        <>
          <a class="what" href={hrefOf.hold(id)}>
            {t(`event.${event.type}`)}
          </a>
          <span class="who">
            <AccountLink id={from} />
            <Arrow />
            <AccountLink id={to} />
          </span>
          <HowMuch amount={event.type === "hold.captured" ? captured : amount} unit={unitOf(accounts)} />
        </>
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

function unitOf(accounts: Readonly<Record<string, { readonly unit: string }>> | undefined): string | null {
  return Object.values(accounts ?? {})[0]?.unit ?? null;
}
