import { Fragment, h } from "preact";
import { pathOf } from "../api.ts";
import { captureHold, releaseHold } from "../forms/money-forms.tsx";
import { money } from "../money.ts";
import { AccountLink, Action, AmountOf, Card, Details, Empty, More, Tag, Trouble, WORLD } from "../parts.tsx";
import { useLive, usePages, useRead } from "../reads.ts";
import { hrefOf } from "../routes.ts";
import { dateTime, duration, useSeconds } from "../time.ts";
import type { Account, Hold, LedgerEvent } from "../types.ts";
import { t } from "../words.ts";
import { Arrow } from "./happenings.tsx";

/** The open holds of an account, each with the time that it has left. */
export function AccountHolds({ account }: { readonly account: Account }) {
  const { id, unit } = account;
  const path = pathOf(["v1", "holds"], { account: id, state: "open", limit: "50" });
  const { items, problem, more, loading, reload, change } = usePages<Hold>(path);
  useLive((events) => {
    for (const hold of holdsIn(events)) {
      if (hold.from !== id) continue;
      change((holds) => {
        const others = holds.filter((other) => other.id !== hold.id);
        return hold.state === "open" ? [hold, ...others] : others;
      });
    }
  }, reload);
  return (
    <Card title={t("holds.open")} id="holds">
      {problem !== null && <Trouble problem={problem} />}
      {items !== null && items.length === 0 && <Empty>{t("holds.none")}</Empty>}
      <ul class="rows">
        {items?.map((hold) => (
          <li key={hold.id} class="hold">
            <div class="hold-head">
              <a class="hold-amount" href={hrefOf.hold(hold.id)}>
                {money(hold.amount, unit)}
              </a>
              <span class="who">
                <Arrow />
                <AccountLink id={hold.to} />
              </span>
              <span class="hold-buttons">
                <Action needs={captureNeeds(hold)} onClick={() => captureHold(hold, unit)}>
                  {t("holds.capture")}
                </Action>
                <Action needs={["holds:write"]} onClick={() => releaseHold(hold, unit)}>
                  {t("holds.release")}
                </Action>
              </span>
            </div>
            <TimeLeft hold={hold} />
          </li>
        ))}
      </ul>
      <More more={more} loading={loading} />
    </Card>
  );
}

function captureNeeds({ to }: Hold): readonly string[] {
  return to === WORLD ? ["holds:write", "world:write"] : ["holds:write"];
}

export function TimeLeft({ hold }: { readonly hold: Hold }) {
  const now = useSeconds();
  const end = Date.parse(hold.expires_at);
  const whole = Math.max(1, end - Date.parse(hold.created_at));
  const left = Math.max(0, end - now);
  return (
    <div class="time-left">
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="time-track" width="100" height="4" />
        <rect
          class={left < 60_000 ? "time-rest short" : "time-rest"}
          width={Math.min(100, (left / whole) * 100)}
          height="4"
        />
      </svg>
      <span class="soft small">
        {left === 0 ? t("holds.over") : t("holds.left", { duration: duration(left / 1_000) })}
        {hold.description !== null && ` · ${hold.description}`}
      </span>
    </div>
  );
}

export function HoldView({ id }: { readonly id: string }) {
  const { value: hold, problem, reload, change } = useRead<Hold>(pathOf(["v1", "holds", id]));
  const account = useRead<Account>(hold === null ? null : pathOf(["v1", "accounts", hold.from]));
  useLive((events) => {
    for (const next of holdsIn(events)) if (next.id === id) change(() => next);
  }, reload);
  const unit = account.value?.unit ?? null;
  return (
    <Fragment>
      <div class="view-head">
        <div class="title">
          <p class="soft small">{t("holds.hold")}</p>
          <h1 class="id">{id}</h1>
        </div>
        {hold !== null && <Tag state={hold.state === "open" ? "held" : hold.state} />}
      </div>
      {problem !== null && <Trouble problem={problem} />}
      {hold !== null && (
        <Fragment>
          {hold.state === "open" && (
            <div class="actions">
              <Action needs={captureNeeds(hold)} kind="main" onClick={() => captureHold(hold, unit)}>
                {t("holds.capture")}
              </Action>
              <Action needs={["holds:write"]} onClick={() => releaseHold(hold, unit)}>
                {t("holds.release")}
              </Action>
            </div>
          )}
          <Card title={t("holds.hold")}>
            <p class="big-line">
              <AccountLink id={hold.from} />
              <Arrow />
              <AccountLink id={hold.to} />
              <strong>
                <AmountOf amount={hold.amount} unit={unit} />
              </strong>
            </p>
            {hold.state === "open" && <TimeLeft hold={hold} />}
            <Details
              rows={[
                [
                  t("holds.captured"),
                  hold.state === "captured" ? <AmountOf amount={hold.captured} unit={unit} /> : null,
                ],
                [
                  t("transaction.transaction"),
                  hold.transaction === null ? null : (
                    <a class="id" href={hrefOf.transaction(hold.transaction)}>
                      {hold.transaction}
                    </a>
                  ),
                ],
                [t("transaction.description"), hold.description],
                [t("transaction.reference"), hold.reference],
                [t("transaction.created"), dateTime(hold.created_at)],
                [t("holds.expires"), dateTime(hold.expires_at)],
              ]}
              metadata={hold.metadata}
            />
          </Card>
        </Fragment>
      )}
    </Fragment>
  );
}

function holdsIn(events: readonly LedgerEvent[]): readonly Hold[] {
  return events.flatMap((event) =>
    event.type === "hold.created" ||
    event.type === "hold.captured" ||
    event.type === "hold.released" ||
    event.type === "hold.expired"
      ? [event.data]
      : [],
  );
}
