import { type ComponentChildren, h } from "preact";
import type { Problem } from "./api.ts";
import { money, moneyOf, partsOf } from "./money.ts";
import { hrefOf } from "./routes.ts";
import { useMissing } from "./session.ts";
import { ago, dateTime, lasting, useSeconds } from "./time.ts";
import { isWord, t } from "./words.ts";

/** Small pieces that several views show. */

export const WORLD = "@world";

/** Characters of an amount; longer ones are written smaller, so that a table's columns have room. */
const LONG = 18;

export function Amount({ amount, unit, both = false }: AmountOptions) {
  const text = money(amount, unit, both ? "both" : "minus");
  const long = text.length > LONG ? " long" : "";
  return <span class={`${amount < 0 && !both ? "amount negative" : "amount"}${long}`}>{text}</span>;
}

interface AmountOptions {
  readonly amount: number;
  readonly unit: string | null;
  /** What moved: also over 0 it has a sign, and under 0 it is nothing to be warned of. */
  readonly both?: boolean;
}

/** @param id null: one that the access key is not for */
export function AccountLink({ id, name }: { readonly id: string | null; readonly name?: string | null }) {
  if (id === null) return <span class="soft">{t("account.foreign")}</span>;
  if (id === WORLD) return <span class="world">{t("account.world")}</span>;
  return (
    <a class="id" href={hrefOf.account(id)} title={id}>
      {name ?? id}
    </a>
  );
}

export function Tag({ state }: { readonly state: string }) {
  const word = `state.${state}`;
  return <span class={`tag ${state}`}>{isWord(word) ? t(word) : state}</span>;
}

export function Ago({ time }: { readonly time: string }) {
  const now = useSeconds();
  return (
    <time dateTime={time} title={dateTime(time)}>
      {ago(time, now)}
    </time>
  );
}

/** How long it has been so. */
export function Since({ time }: { readonly time: string }) {
  const now = useSeconds();
  return (
    <time dateTime={time} title={dateTime(time)}>
      {lasting(time, now)}
    </time>
  );
}

export function Card({ title, aside, id, children }: CardOptions) {
  return (
    <section class="card" id={id} aria-label={title}>
      <header class="card-head">
        <h2>{title}</h2>
        {aside !== undefined && <div class="card-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

interface CardOptions {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly id?: string;
  readonly children: ComponentChildren;
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** What to show in place of what could not be read. */
export function Trouble({ problem }: { readonly problem: Problem }) {
  return (
    <div class="trouble" role="alert">
      <strong>{sayProblem(problem)}</strong>
      <ServersWords problem={problem} />
    </div>
  );
}

/** In the language of the page. */
export function sayProblem(problem: Problem): string {
  const word = `problem.${problem.name}`;
  if (problem.name === "scope-missing" && problem.scope !== undefined)
    return t("problem.scope-named", { scope: problem.scope });
  return isWord(word) ? t(word, values(problem)) : problem.detail;
}

/** The server tells in English what exactly it is. */
export function ServersWords({ problem }: { readonly problem: Problem }) {
  if (problem.detail === "") return null;
  return (
    <span class="servers-words" lang="en">
      {problem.detail}
    </span>
  );
}

function values({ account, state, reversal, status }: Problem): Record<string, string | number> {
  const word = `state.${state ?? ""}`;
  return {
    account: account ?? t("problem.its-account"),
    state: isWord(word) ? t(word) : (state ?? ""),
    reversal: reversal ?? "",
    status,
  };
}

/** A button for what needs scopes; without them it says which one is missing. */
export function Action({ needs, onClick, kind = "plain", disabled = false, children }: ActionOptions) {
  const missing = useMissing(needs);
  return (
    <button
      type="button"
      class={`button ${kind}`}
      disabled={disabled || missing !== null}
      title={missing === null ? undefined : t("access.needs", { scope: missing })}
      onClick={onClick}
    >
      {children}
      {missing !== null && <span class="needs">{missing}</span>}
    </button>
  );
}

interface ActionOptions {
  readonly needs: readonly string[];
  readonly onClick: () => void;
  readonly kind?: "plain" | "main" | "danger";
  readonly disabled?: boolean;
  readonly children: ComponentChildren;
}

export function More({ more, loading }: { readonly more: (() => void) | null; readonly loading: boolean }) {
  if (more === null) return null;
  return (
    <div class="more">
      <button type="button" class="button plain" disabled={loading} onClick={more}>
        {loading ? t("list.loading") : t("list.more")}
      </button>
    </div>
  );
}

/** What a client gave a transaction or a hold, or an account. */
export function Details({ rows, metadata }: DetailsOptions) {
  const shown = rows.filter(([, value]) => value !== null && value !== "");
  const more = Object.entries(metadata ?? {});
  return (
    <dl class="details">
      {shown.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      {more.map(([name, text]) => (
        <div key={`metadata ${name}`}>
          <dt class="metadata">{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

interface DetailsOptions {
  readonly rows: readonly (readonly [string, ComponentChildren])[];
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Units may be long: where there is no room, their beginning is shown. */
export function UnitCode({ unit }: { readonly unit: string }) {
  const { code } = partsOf(unit);
  return (
    <span class="soft small unit-code" title={code}>
      {code}
    </span>
  );
}

export function AmountOf({ amount, unit }: { readonly amount: number; readonly unit: string | null }) {
  return (
    <span class={amount < 0 ? "amount negative" : "amount"}>
      {unit === null ? money(amount, null) : moneyOf(amount, unit)}
    </span>
  );
}
