import { beside } from "../beside.ts";
import { type ComponentChildren, h } from "preact";
import { useContext, useEffect, useId, useState } from "preact/hooks";
import { pathOf, read } from "../api.ts";
import { moneyOf, parseMoney } from "../money.ts";
import { WORLD } from "../parts.tsx";
import { useSettled } from "../reads.ts";
import type { Account, List } from "../types.ts";
import { t } from "../words.ts";
import { FaultsContext } from "./faults.ts";

interface FieldOptions {
  readonly label: string;
  /** Of the member of the body that it becomes: what is wrong with that is shown here. */
  readonly pointer: string;
  readonly value: string;
  readonly set: (value: string) => void;
  readonly hint?: ComponentChildren;
  readonly list?: readonly string[];
  readonly placeholder?: string;
  readonly numeric?: boolean;
  readonly code?: boolean;
}

export function Field({
  label,
  pointer,
  value,
  set,
  hint,
  list,
  placeholder,
  numeric = false,
  code = false,
}: FieldOptions) {
  const id = useId();
  const fault = useFault(pointer);
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
      </label>
      <input
        id={id}
        class={numeric ? "numeric" : code ? "code" : undefined}
        value={value}
        placeholder={placeholder}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        {...(numeric ? { inputMode: "decimal" as const } : {})}
        list={list === undefined ? undefined : `${id}-list`}
        aria-invalid={fault !== null}
        aria-describedby={`${id}-about`}
        data-pointer={pointer}
        onInput={(event) => set(event.currentTarget.value)}
      />
      {list !== undefined && (
        <datalist id={`${id}-list`}>
          {list.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
      <div id={`${id}-about`} class="field-about">
        {fault === null ? <span class="hint">{hint}</span> : <span class="fault">{fault}</span>}
      </div>
    </div>
  );
}

function useFault(pointer: string): string | null {
  const faults = useContext(FaultsContext);
  const exact = faults.get(pointer);
  if (exact !== undefined) return exact;
  for (const [place, fault] of faults) if (place.startsWith(`${pointer}/`)) return fault;
  return null;
}

interface AccountFieldOptions extends Pick<FieldOptions, "label" | "pointer" | "value" | "set"> {
  /** Told of the account once it is known, and of null where there is none of this id. */
  readonly found: (account: Account | null) => void;
  /** Whether it may be the outside, too. */
  readonly world?: boolean;
}

/** Proposes accounts whose ids begin so, and says what the chosen one has. */
export function AccountField({ label, pointer, value, set, found, world = true }: AccountFieldOptions) {
  const id = useSettled(value.trim());
  const [account, setAccount] = useState<Account | "none" | null>(null);
  const [list, setList] = useState<readonly string[]>([]);
  useEffect(() => {
    const given = new AbortController();
    const tell = (next: Account | "none" | null): void => {
      if (given.signal.aborted) return;
      setAccount(next);
      found(typeof next === "object" ? next : null);
    };
    const look = async (): Promise<void> => {
      if (id.startsWith("@")) {
        // No account has such an id.
        tell(id === WORLD ? null : "none");
        return;
      }
      const listed = read<List<Account>>(
        pathOf(["v1", "accounts"], { prefix: id, limit: "8" }),
        given.signal,
      );
      if (id === "") {
        tell(null);
      } else {
        const answer = await read<Account>(pathOf(["v1", "accounts", id]), given.signal);
        tell(answer.ok ? answer.value : answer.problem.status === 404 ? "none" : null);
      }
      const answer = await listed;
      if (answer.ok && !given.signal.aborted) setList(answer.value.data.map((one) => one.id));
    };
    beside(look());
    return () => given.abort();
  }, [id]);
  const hint =
    account === "none"
      ? t("form.no-account")
      : account !== null
        ? `${account.name === null ? "" : `${account.name} · `}${t("form.has-available", { amount: moneyOf(account.available, account.unit) })}`
        : world && (id === WORLD || id === "")
          ? t("form.world-hint")
          : "";
  return (
    <Field
      label={label}
      pointer={pointer}
      value={value}
      set={set}
      hint={hint}
      list={world ? [WORLD, ...list] : list}
      code
    />
  );
}

interface AmountFieldOptions extends Pick<FieldOptions, "label" | "pointer" | "value" | "set"> {
  readonly unit: string | null;
}

/** Typed as people write it; what is sent is in the smallest part, which is told. */
export function AmountField({ label, pointer, value, set, unit }: AmountFieldOptions) {
  const amount = parseMoney(value, unit);
  const hint =
    unit === null
      ? t("form.amount-hint")
      : amount === null || value.trim() === ""
        ? unit
        : unit.includes("/")
          ? t("form.amount-sent", { unit, amount })
          : unit;
  return <Field label={label} pointer={pointer} value={value} set={set} hint={hint} numeric />;
}

/** What is sent: null of nothing; text that is no amount as it stands, for the API to refuse. */
export function amountIn(text: string, unit: string | null): number | string | null {
  if (text.trim() === "") return null;
  return parseMoney(text, unit) ?? text.trim();
}

/** What can be told without asking: amounts that are none, by their pointers. */
export function wrongAmounts(
  amounts: readonly (readonly [pointer: string, text: string, unit: string | null])[],
) {
  const wrong = amounts.filter(([, text, unit]) => parseMoney(text, unit) === null);
  return new Map(wrong.map(([pointer]) => [pointer, t("form.amount-wrong")]));
}
