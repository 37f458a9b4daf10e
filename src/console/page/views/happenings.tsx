import { Fragment, h } from "preact";
import { pathOf } from "../api.ts";
import { useMemo } from "preact/hooks";
import { recentEvents } from "../live.ts";
import { AccountLink, Amount, Empty, sayProblem, UnitCode } from "../parts.tsx";
import { useLive, useRead } from "../reads.ts";
import { hrefOf } from "../routes.ts";
import { useMissing } from "../session.ts";
import { useStore } from "../store.ts";
import { clock } from "../time.ts";
import { type Hold, type LedgerEvent, type List, statesIn, type Transaction } from "../types.ts";
import { t } from "../words.ts";
import { useUnits } from "./units.ts";

const SHOWN = 14;
const LATEST = { limit: String(SHOWN) };

/** What was decided, newest first: one line each. Where the page has not heard of so much yet, what was read of it. */
export function Happenings() {
  const events = useStore(recentEvents);
  const missing = useMissing(["transactions:read"]);
  const pathTo = (list: string): string | null => (missing === null ? pathOf(["v1", list], LATEST) : null);
  const made = useRead<List<Transaction>>(pathTo("transactions"));
  const held = useRead<List<Hold>>(pathTo("holds"));
  useLive(
    () => {},
    () => {
      made.reload();
      held.reload();
    },
  );
  const before = useMemo(
    () => [...(made.value?.data ?? []).map(ofTransaction), ...(held.value?.data ?? []).map(ofHold)],
    [made.value, held.value],
  );
  const units = useUnits(before, events);
  const heard = new Set(events.map(beginningOf));
  const shown = [...events, ...before.filter(({ id }) => !heard.has(id)).map(({ event }) => event)]
    .toSorted((a, b) => b.at.localeCompare(a.at))
    .slice(0, SHOWN);
  if (shown.length === 0) {
    const problem = made.problem ?? held.problem;
    if (missing !== null) return <Empty>{t("problem.scope-named", { scope: missing })}</Empty>;
    if (problem !== null) return <Empty>{sayProblem(problem)}</Empty>;
    return (
      <Empty>{t(made.value === null || held.value === null ? "list.loading" : "overview.nothing-yet")}</Empty>
    );
  }
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

/** What was read, as the event that told of it. `id` and `postings` are of what it tells. */
interface Past extends Pick<Transaction, "id" | "postings"> {
  readonly event: LedgerEvent;
}

function ofTransaction(transaction: Transaction): Past {
  const { id, postings, created_at: at } = transaction;
  return {
    id,
    postings,
    event: { id, at, type: "transaction.created", data: { ...transaction, accounts: {} } },
  };
}

/** When it was captured, its transaction tells; when it ended otherwise, nothing that is read. */
function ofHold(hold: Hold): Past {
  const { id, from, to, amount, created_at: at } = hold;
  return {
    id,
    postings: [{ from, to, amount }],
    event: { id, at, type: "hold.created", data: { ...hold, accounts: {} } },
  };
}

/** The id of the transaction or the hold that came to be by it. */
function beginningOf({ type, data }: LedgerEvent): string | null {
  if (type === "hold.captured") return data.transaction;
  return type === "hold.released" || type === "hold.expired" ? null : data.id;
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
      const { id, postings, reverses, hold } = event.data;
      const [first] = postings;
      if (first === undefined) return null;
      return (
        <Fragment>
          <a class="what" href={hrefOf.transaction(id)}>
            {t(
              hold !== null
                ? "event.hold.captured"
                : reverses === null
                  ? "event.transaction"
                  : "event.reversal",
            )}
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
      <Amount amount={amount} unit={unit} /> {unit !== null && <UnitCode unit={unit} />}
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
