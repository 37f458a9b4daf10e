import { Fragment, h } from "preact";
import { useMemo, useState } from "preact/hooks";
import { pathOf } from "../api.ts";
import { money, moneyOf, plainMoney } from "../money.ts";
import { closePanel, openPanel } from "../panel.tsx";
import { WORLD } from "../parts.tsx";
import { hrefOf } from "../routes.ts";
import type { Account, Hold, Transaction } from "../types.ts";
import { t } from "../words.ts";
import { CommandForm } from "./command-form.tsx";
import { AccountField, AmountField, amountIn, Field, wrongAmounts } from "./fields.tsx";
import { optional } from "./optional.ts";

const POSTINGS_MAX = 20;

export function newTransaction(begin: { readonly from?: string; readonly to?: string }): void {
  openPanel(t("new.transaction"), <TransactionForm begin={begin} />);
}

interface Line {
  readonly number: number;
  readonly from: string;
  readonly to: string;
  readonly amount: string;
  readonly unit: string | null;
}

function TransactionForm({ begin }: { readonly begin: { readonly from?: string; readonly to?: string } }) {
  const [lines, setLines] = useState<readonly Line[]>([
    { number: 1, from: begin.from ?? "", to: begin.to ?? "", amount: "", unit: null },
  ]);
  const [description, setDescription] = useState("");
  const [reference, setReference] = useState("");
  const set = (at: number, part: Partial<Line>): void =>
    setLines((before) => before.map((line, index) => (index === at ? { ...line, ...part } : line)));
  const found = (at: number, account: Account | null): void => {
    if (account !== null) set(at, { unit: account.unit });
  };
  const body = {
    postings: lines.map(({ from, to, amount, unit }) => ({
      from: from.trim(),
      to: to.trim(),
      amount: amountIn(amount, unit),
    })),
    ...optional({ description, reference }),
  };
  const wrong = wrongAmounts(lines.map(({ amount, unit }, at) => [`#/postings/${at}/amount`, amount, unit]));
  const add = (): void =>
    setLines((before) => {
      const last = before.at(-1);
      return [
        ...before,
        {
          number: (last?.number ?? 0) + 1,
          from: last?.from ?? "",
          to: "",
          amount: "",
          unit: last?.unit ?? null,
        },
      ];
    });
  return (
    <CommandForm<Transaction>
      command={{ method: "POST", path: "/v1/transactions", body }}
      submit={t("form.move")}
      wrong={wrong}
      done={(made) => <DoneTransaction id={made.id} />}
    >
      {lines.map(({ number, from, to, amount, unit }, at) => (
        <div class="posting" role="group" aria-label={t("form.posting", { number: at + 1 })} key={number}>
          {lines.length > 1 && (
            <div class="posting-head">
              <span class="soft small">{t("form.posting", { number: at + 1 })}</span>
              <button
                type="button"
                class="button small"
                aria-label={t("form.remove-posting", { number: at + 1 })}
                onClick={() => setLines((before) => before.filter((_line, index) => index !== at))}
              >
                {t("form.remove")}
              </button>
            </div>
          )}
          <AccountField
            label={t("form.from")}
            pointer={`#/postings/${at}/from`}
            value={from}
            set={(value) => set(at, { from: value })}
            found={(account) => found(at, account)}
          />
          <AccountField
            label={t("form.to")}
            pointer={`#/postings/${at}/to`}
            value={to}
            set={(value) => set(at, { to: value })}
            found={(account) => found(at, account)}
          />
          <AmountField
            label={t("entries.amount")}
            pointer={`#/postings/${at}/amount`}
            value={amount}
            set={(value) => set(at, { amount: value })}
            unit={unit}
          />
        </div>
      ))}
      {lines.length < POSTINGS_MAX && (
        <button type="button" class="button plain add" onClick={add}>
          {t("form.add-posting")}
        </button>
      )}
      <Field
        label={t("transaction.description")}
        pointer="#/description"
        value={description}
        set={setDescription}
      />
      <Field
        label={t("transaction.reference")}
        pointer="#/reference"
        value={reference}
        set={setReference}
        hint={t("form.reference-hint")}
      />
    </CommandForm>
  );
}

function DoneTransaction({ id }: { readonly id: string }) {
  return (
    <Fragment>
      <p>{t("form.moved")}</p>
      <p>
        <a class="id" href={hrefOf.transaction(id)} onClick={closePanel}>
          {id}
        </a>
      </p>
    </Fragment>
  );
}

export function newHold(begin: { readonly from?: string }): void {
  openPanel(t("new.hold"), <HoldForm from={begin.from ?? ""} />);
}

const DEFAULT_SECONDS = "600";

function HoldForm({ from: begin }: { readonly from: string }) {
  const [from, setFrom] = useState(begin);
  const [to, setTo] = useState("");
  const [amount, setAmount] = useState("");
  const [seconds, setSeconds] = useState(DEFAULT_SECONDS);
  const [description, setDescription] = useState("");
  const [reference, setReference] = useState("");
  const [unit, setUnit] = useState<string | null>(null);
  const body = {
    from: from.trim(),
    ...optional({ to }),
    amount: amountIn(amount, unit),
    ...(seconds.trim() === ""
      ? {}
      : { expires_in: /^\d{1,9}$/.test(seconds.trim()) ? Number(seconds) : seconds.trim() }),
    ...optional({ description, reference }),
  };
  return (
    <CommandForm<Hold>
      command={{ method: "POST", path: "/v1/holds", body }}
      submit={t("form.hold")}
      wrong={wrongAmounts([["#/amount", amount, unit]])}
      done={(made) => <DoneHold id={made.id} text={t("form.held")} />}
    >
      <AccountField
        label={t("form.from")}
        pointer="#/from"
        value={from}
        set={setFrom}
        found={(account) => setUnit(account?.unit ?? null)}
        world={false}
      />
      <AmountField
        label={t("entries.amount")}
        pointer="#/amount"
        value={amount}
        set={setAmount}
        unit={unit}
      />
      <AccountField label={t("form.hold-to")} pointer="#/to" value={to} set={setTo} found={() => {}} />
      <Field
        label={t("form.expires")}
        pointer="#/expires_in"
        value={seconds}
        set={setSeconds}
        hint={t("form.expires-hint")}
        numeric
      />
      <Field
        label={t("transaction.description")}
        pointer="#/description"
        value={description}
        set={setDescription}
      />
      <Field
        label={t("transaction.reference")}
        pointer="#/reference"
        value={reference}
        set={setReference}
        hint={t("form.reference-hint")}
      />
    </CommandForm>
  );
}

function DoneHold({ id, text }: { readonly id: string; readonly text: string }) {
  return (
    <Fragment>
      <p>{text}</p>
      <p>
        <a class="id" href={hrefOf.hold(id)} onClick={closePanel}>
          {id}
        </a>
      </p>
    </Fragment>
  );
}

export function captureHold(hold: Hold, unit: string | null): void {
  openPanel(t("holds.capture-title"), <CaptureForm hold={hold} unit={unit} />);
}

function CaptureForm({ hold, unit }: { readonly hold: Hold; readonly unit: string | null }) {
  const [amount, setAmount] = useState(unit === null ? String(hold.amount) : plainMoney(hold.amount, unit));
  const [to, setTo] = useState(hold.to);
  const body = {
    amount: amountIn(amount, unit),
    ...(to.trim() === "" || to.trim() === hold.to ? {} : { to: to.trim() }),
  };
  const wrong = useMemo(() => wrongAmounts([["#/amount", amount, unit]]), [amount, unit]);
  return (
    <CommandForm<Hold>
      command={{ method: "POST", path: pathOf(["v1", "holds", hold.id, "capture"]), body }}
      submit={t("holds.capture")}
      wrong={wrong}
      done={(made) => (
        <DoneHold id={made.id} text={t("form.captured", { amount: moneyIn(made.captured, unit) })} />
      )}
    >
      <p class="soft">{t("holds.capture-text", { amount: moneyIn(hold.amount, unit) })}</p>
      <AmountField
        label={t("entries.amount")}
        pointer="#/amount"
        value={amount}
        set={setAmount}
        unit={unit}
      />
      <AccountField label={t("form.to")} pointer="#/to" value={to} set={setTo} found={() => {}} />
    </CommandForm>
  );
}

export function releaseHold(hold: Hold, unit: string | null): void {
  openPanel(
    t("holds.release-title"),
    <CommandForm<Hold>
      command={{ method: "POST", path: pathOf(["v1", "holds", hold.id, "release"]), body: null }}
      submit={t("holds.release")}
      done={(made) => <DoneHold id={made.id} text={t("form.released")} />}
    >
      <p>{t("holds.release-text", { amount: moneyIn(hold.amount, unit), account: hold.from })}</p>
    </CommandForm>,
  );
}

export function reverseTransaction(transaction: Transaction, unit: string | null): void {
  openPanel(t("transaction.reverse-title"), <ReversalForm transaction={transaction} unit={unit} />);
}

function ReversalForm({
  transaction,
  unit,
}: {
  readonly transaction: Transaction;
  readonly unit: string | null;
}) {
  const [description, setDescription] = useState("");
  const [reference, setReference] = useState("");
  const given = optional({ description, reference });
  const body = Object.keys(given).length === 0 ? null : given;
  return (
    <CommandForm<Transaction>
      command={{ method: "POST", path: pathOf(["v1", "transactions", transaction.id, "reversal"]), body }}
      submit={t("transaction.reverse")}
      done={(made) => <DoneTransaction id={made.id} />}
    >
      <p class="soft">{t("transaction.reverse-text")}</p>
      <ul class="back">
        {transaction.postings.toReversed().map(({ from, to, amount }, at) => (
          <li key={at}>
            <strong class="number">{moneyIn(amount, unit)}</strong> {shown(to)} → {shown(from)}
          </li>
        ))}
      </ul>
      <Field
        label={t("transaction.description")}
        pointer="#/description"
        value={description}
        set={setDescription}
      />
      <Field label={t("transaction.reference")} pointer="#/reference" value={reference} set={setReference} />
    </CommandForm>
  );
}

function shown(id: string): string {
  return id === WORLD ? t("account.world") : id;
}

function moneyIn(amount: number, unit: string | null): string {
  return unit === null ? money(amount, null) : moneyOf(amount, unit);
}
