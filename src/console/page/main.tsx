import { beside } from "./beside.ts";
import { Fragment, h, render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { openAccount } from "./forms/account-forms.tsx";
import { newHold, newTransaction } from "./forms/money-forms.tsx";
import { followLedger, liveState } from "./live.ts";
import { closePanel, Panel } from "./panel.tsx";
import { Action } from "./parts.tsx";
import { hrefOf, type Place, usePlace } from "./routes.ts";
import { reachable, type Session, session, signOut, startSession } from "./session.ts";
import { followStatus, latestOf, told } from "./status.ts";
import { Store, useStore } from "./store.ts";
import type { KeyFacts } from "./types.ts";
import { AccountView } from "./views/account.tsx";
import { Accounts } from "./views/accounts.tsx";
import { New } from "./views/beginning.tsx";
import { HoldView } from "./views/holds.tsx";
import { Overview } from "./views/overview.tsx";
import { SignIn } from "./views/sign-in.tsx";
import { TransactionView } from "./views/transaction.tsx";
import { Transactions } from "./views/transactions.tsx";
import { type Language, language, setLanguage, t } from "./words.ts";

/** Changes with the language, by which all is drawn anew. */
const spoken = new Store<Language>(language());

function Console() {
  const chosen = useStore(spoken);
  const now = useStore(session);
  const place = usePlace();
  useEffect(() => {
    document.documentElement.lang = chosen === "pt" ? "pt-BR" : "en";
    document.title = `${titleOf(place)} · Razonete`;
  }, [chosen, place]);
  const shown = useRef(place);
  useEffect(() => {
    closePanel();
    scrollTo(0, 0);
    // Who reads by ear, or goes by keys, is at the beginning of what is new; not so where the page itself has begun.
    if (shown.current !== place) focusOn(document.querySelector("main h1"));
    shown.current = place;
  }, [place]);
  return (
    <div class="frame" key={chosen}>
      <a class="skip" href="#content" onClick={skip}>
        {t("frame.skip")}
      </a>
      <Bar place={place} session={now} />
      <main id="content" tabIndex={-1}>
        <Away />
        {now.type === "starting" && <p class="soft">{t("frame.starting")}</p>}
        {now.type === "signed-out" && <SignIn why={now.why} />}
        {now.type === "in" && <View place={place} />}
      </main>
      <Panel />
    </div>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  focusOn(document.getElementById("content"));
}

function focusOn(element: HTMLElement | null): void {
  if (element === null) return;
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

function View({ place }: { readonly place: Place }) {
  switch (place.view) {
    case "overview":
      return <Overview />;
    case "accounts":
      return <Accounts />;
    case "transactions":
      return <Transactions />;
    case "new":
      return <New />;
    case "account":
      return <AccountView key={place.id} id={place.id} />;
    case "transaction":
      return <TransactionView key={place.id} id={place.id} />;
    case "hold":
      return <HoldView key={place.id} id={place.id} />;
  }
}

/** Told above all else: what is on the page is old. */
function Away() {
  const answers = useStore(reachable);
  const { problem } = useStore(told);
  if (!answers) return <p class="away">{t("frame.unreachable")}</p>;
  if (problem !== null && problem.status >= 500) return <p class="away">{t("frame.unavailable")}</p>;
  return null;
}

function Bar({ place, session: now }: { readonly place: Place; readonly session: Session }) {
  return (
    <header class="bar">
      <a class="brand" href={hrefOf.overview}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <rect width="24" height="24" rx="5.5" />
          <path d="M5.2 7.6h13.6M12 7.6V19" />
          <path class="faint-lines" d="M6.5 11.4H9M6.5 14.6H9M15 11.4h2.5" />
        </svg>
        Razonete
      </a>
      {now.type === "in" && (
        <Fragment>
          <nav aria-label={t("frame.views")}>
            <NavLink
              href={hrefOf.overview}
              on={place.view === "overview"}
              label={t("overview.title")}
              icon="M2.5 13.5V9M7 13.5v-11M11.5 13.5V6"
            />
            <NavLink
              href={hrefOf.accounts}
              on={place.view === "accounts" || place.view === "account"}
              label={t("accounts.title")}
              icon="M2 4h12M8 4v10"
            />
            <NavLink
              href={hrefOf.transactions}
              on={place.view === "transactions" || place.view === "transaction" || place.view === "hold"}
              label={t("transactions.title")}
              icon="M2.5 5.5h11M10.5 2.5l3 3-3 3M13.5 10.5h-11M5.5 7.5l-3 3 3 3"
            />
            <NavLink
              href={hrefOf.new}
              on={place.view === "new"}
              label={t("new.title")}
              icon="M8 2.5v11M2.5 8h11"
              phone
            />
          </nav>
          <div class="bar-new">
            <Action needs={["transactions:write"]} kind="main" onClick={() => newTransaction({})}>
              {t("new.transaction")}
            </Action>
            <Action
              needs={["holds:write"]}
              onClick={() => newHold(place.view === "account" ? { from: place.id } : {})}
            >
              {t("new.hold")}
            </Action>
            <Action needs={["accounts:write"]} onClick={() => openAccount()}>
              {t("new.account")}
            </Action>
          </div>
        </Fragment>
      )}
      <div class="bar-foot">
        {now.type === "in" && <Live />}
        {now.type === "in" && <Key facts={now.key} />}
        <Languages />
      </div>
    </header>
  );
}

interface NavLinkOptions {
  readonly href: string;
  readonly on: boolean;
  readonly label: string;
  readonly icon: string;
  /** Where there is no room for the buttons that it leads to. */
  readonly phone?: boolean;
}

function NavLink({ href, on, label, icon, phone = false }: NavLinkOptions) {
  return (
    <a
      href={href}
      class={phone ? "phone-only" : undefined}
      {...(on ? { "aria-current": "page" as const } : {})}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={icon} />
      </svg>
      {label}
    </a>
  );
}

/** Whether what is shown follows the ledger, and whether all of its parts are up. */
function Live() {
  const live = useStore(liveState);
  const answers = useStore(reachable);
  const status = latestOf(useStore(told));
  const troubled = status?.parts.filter(({ state }) => state !== "up").length ?? 0;
  const state = answers ? live : "lost";
  return (
    <p class={state === "live" ? "live on" : `live ${state}`} role="status">
      <span class="dot" aria-hidden="true" />
      {t(`live.${state}`)}
      {troubled > 0 && (
        <a class="troubled" href={hrefOf.overview}>
          {t("live.troubled", { count: troubled })}
        </a>
      )}
    </p>
  );
}

function Key({ facts: { name, scopes, accounts } }: { readonly facts: KeyFacts }) {
  if (name === null) return null;
  return (
    <details class="key">
      <summary>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M10.5 2a3.5 3.5 0 1 1-2.9 5.5L3 12v2h2.5v-1.7H7v-1.6l1.6-1.6" />
        </svg>
        <span class="key-name">{name}</span>
      </summary>
      <p class="soft small">
        {t(accounts === "*" ? "access.all-accounts" : "access.some-accounts", { accounts })}
      </p>
      <p class="soft small">{t("access.scopes")}</p>
      <ul class="scopes">
        {scopes.map((scope) => (
          <li key={scope}>{scope}</li>
        ))}
      </ul>
      <button type="button" class="button small" onClick={signOut}>
        {t("access.leave")}
      </button>
    </details>
  );
}

function Languages() {
  const choose = (next: Language): void => {
    setLanguage(next);
    spoken.set(next);
  };
  return (
    <div class="languages" role="group" aria-label={t("frame.language")}>
      <button type="button" lang="en" aria-pressed={language() === "en"} onClick={() => choose("en")}>
        English
      </button>
      <button type="button" lang="pt-BR" aria-pressed={language() === "pt"} onClick={() => choose("pt")}>
        Português
      </button>
    </div>
  );
}

function titleOf(place: Place): string {
  switch (place.view) {
    case "overview":
    case "accounts":
    case "transactions":
    case "new":
      return t(`${place.view}.title`);
    case "account":
    case "transaction":
    case "hold":
      return place.id;
  }
}

const root = document.getElementById("console");
if (root !== null) render(<Console />, root);
followLedger();
followStatus();
beside(startSession());
