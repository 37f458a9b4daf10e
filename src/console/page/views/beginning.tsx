import { Fragment, h } from "preact";
import { openAccount } from "../forms/account-forms.tsx";
import { newHold, newTransaction } from "../forms/money-forms.tsx";
import { Action } from "../parts.tsx";
import { t } from "../words.ts";

/** What can be made new. On a ledger with nothing in it also the way to begin. */
export function New() {
  return (
    <Fragment>
      <div class="view-head">
        <h1>{t("new.title")}</h1>
      </div>
      <Choices />
    </Fragment>
  );
}

export function Beginning() {
  return (
    <section class="card beginning">
      <h2>{t("beginning.title")}</h2>
      <p class="soft">{t("beginning.text")}</p>
      <Choices />
    </section>
  );
}

function Choices() {
  return (
    <ol class="choices">
      <li>
        <Action needs={["accounts:write"]} kind="main" onClick={() => openAccount()}>
          {t("new.account")}
        </Action>
        <p class="soft">{t("beginning.account")}</p>
      </li>
      <li>
        <Action needs={["transactions:write"]} onClick={() => newTransaction({})}>
          {t("new.transaction")}
        </Action>
        <p class="soft">{t("beginning.transaction")}</p>
      </li>
      <li>
        <Action needs={["holds:write"]} onClick={() => newHold({})}>
          {t("new.hold")}
        </Action>
        <p class="soft">{t("beginning.hold")}</p>
      </li>
    </ol>
  );
}
