import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { pathOf } from "../api.ts";
import { moneyOf, plainMoney } from "../money.ts";
import { closePanel, openPanel } from "../panel.tsx";
import { hrefOf } from "../routes.ts";
import type { Account } from "../types.ts";
import { t } from "../words.ts";
import { CommandForm } from "./command-form.tsx";
import { AmountField, amountIn, Field, wrongAmounts } from "./fields.tsx";
import { optional } from "./optional.ts";

const UNITS = ["BRL/2", "USD/2", "EUR/2", "CREDITS", "TOKENS", "CREDITS/6"];

export function openAccount(): void {
  openPanel(t("new.account"), <OpenForm />);
}

function OpenForm() {
  const [id, setId] = useState("");
  const [unit, setUnit] = useState("");
  const [name, setName] = useState("");
  const [limit, setLimit] = useState("");
  const known = /^[A-Z][A-Z0-9_]{0,15}(\/\d{1,2})?$/.test(unit.trim()) ? unit.trim() : null;
  const body = {
    ...optional({ id }),
    unit: unit.trim(),
    ...optional({ name }),
    ...(limit.trim() === "" ? {} : { credit_limit: amountIn(limit, known) }),
  };
  const wrong = limit.trim() === "" ? undefined : wrongAmounts([["#/credit_limit", limit, known]]);
  return (
    <CommandForm<Account>
      command={{ method: "POST", path: "/v1/accounts", body }}
      submit={t("form.open")}
      {...(wrong === undefined ? {} : { wrong })}
      done={(account) => <DoneAccount account={account} text={t("form.opened")} />}
    >
      <Field
        label={t("form.id")}
        pointer="#/id"
        value={id}
        set={setId}
        hint={t("form.id-hint")}
        placeholder="acme"
        code
      />
      <Field
        label={t("account.unit")}
        pointer="#/unit"
        value={unit}
        set={(value) => setUnit(value.toUpperCase())}
        hint={t("form.unit-hint")}
        list={UNITS}
        placeholder="BRL/2"
        code
      />
      <Field label={t("form.name")} pointer="#/name" value={name} set={setName} />
      <AmountField
        label={t("form.limit")}
        pointer="#/credit_limit"
        value={limit}
        set={setLimit}
        unit={known}
      />
      <p class="soft small">{t("form.limit-hint")}</p>
    </CommandForm>
  );
}

function DoneAccount({ account, text }: { readonly account: Account; readonly text: string }) {
  return (
    <Fragment>
      <p>{text}</p>
      <p>
        <a class="id" href={hrefOf.account(account.id)} onClick={closePanel}>
          {account.id}
        </a>
      </p>
    </Fragment>
  );
}

export function changeLimit(account: Account): void {
  openPanel(t("account.change-limit"), <LimitForm account={account} />);
}

function LimitForm({ account }: { readonly account: Account }) {
  const { id, unit, credit_limit: before } = account;
  const [limit, setLimit] = useState(plainMoney(before, unit));
  return (
    <CommandForm<Account>
      command={{
        method: "PATCH",
        path: pathOf(["v1", "accounts", id]),
        body: { credit_limit: amountIn(limit, unit) },
      }}
      submit={t("form.change")}
      wrong={wrongAmounts([["#/credit_limit", limit, unit]])}
      done={(now) => (
        <DoneAccount
          account={now}
          text={t("form.limit-changed", { limit: moneyOf(now.credit_limit, now.unit) })}
        />
      )}
    >
      <AmountField
        label={t("form.limit")}
        pointer="#/credit_limit"
        value={limit}
        set={setLimit}
        unit={unit}
      />
      <p class="soft small">{t("form.limit-hint")}</p>
    </CommandForm>
  );
}

export function changeName(account: Account): void {
  openPanel(t("account.change-name"), <NameForm account={account} />);
}

function NameForm({ account }: { readonly account: Account }) {
  const [name, setName] = useState(account.name ?? "");
  const body = { name: name.trim() === "" ? null : name.trim() };
  return (
    <CommandForm<Account>
      command={{ method: "PATCH", path: pathOf(["v1", "accounts", account.id]), body }}
      submit={t("form.change")}
      done={(now) => <DoneAccount account={now} text={t("form.changed")} />}
    >
      <Field label={t("form.name")} pointer="#/name" value={name} set={setName} />
    </CommandForm>
  );
}

export function changeState({ id }: Account, state: Account["state"]): void {
  const title = { open: "account.unfreeze", frozen: "account.freeze", closed: "account.close" } as const;
  const text = { open: "form.unfreeze-text", frozen: "form.freeze-text", closed: "form.close-text" } as const;
  openPanel(
    t(title[state]),
    <CommandForm<Account>
      command={{ method: "PATCH", path: pathOf(["v1", "accounts", id]), body: { state } }}
      submit={t(title[state])}
      danger={state === "closed"}
      done={(now) => <DoneAccount account={now} text={t("form.changed")} />}
    >
      <p>{t(text[state], { account: id })}</p>
    </CommandForm>,
  );
}
