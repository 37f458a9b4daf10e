import { beside } from "../beside.ts";
import { type ComponentChildren, h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { accessKey, type Command, newKey, type Problem, send } from "../api.ts";
import { closePanel } from "../panel.tsx";
import { sayProblem, ServersWords } from "../parts.tsx";
import { t } from "../words.ts";
import { curlOf } from "./curl.ts";
import { type Faults, FaultsContext, placesOf } from "./faults.ts";

/**
 * What has been heard of the command. `unknown`: it may have been applied or not, so that it can only be sent again as it
 * is, with the same key, which never applies it twice.
 */
type State<T> =
  | { readonly type: "editing"; readonly faults: Faults; readonly problem: Problem | null }
  | { readonly type: "sending" }
  | { readonly type: "unknown"; readonly problem: Problem }
  | { readonly type: "done"; readonly value: T };

interface CommandFormOptions<T> {
  readonly command: Command;
  readonly submit: string;
  readonly danger?: boolean;
  /** What is wrong already before it is asked. */
  readonly wrong?: Faults;
  /** What is shown when it is done. */
  readonly done: (value: T) => ComponentChildren;
  readonly children?: ComponentChildren;
}

const NO_FAULTS: Faults = new Map();

export function CommandForm<T>({
  command,
  submit,
  danger = false,
  wrong = NO_FAULTS,
  done,
  children,
}: CommandFormOptions<T>) {
  const [key, setKey] = useState(newKey);
  const [state, setState] = useState<State<T>>({ type: "editing", faults: NO_FAULTS, problem: null });
  const form = useRef<HTMLFormElement>(null);
  const after = useRef<HTMLDivElement>(null);

  const ask = async (): Promise<void> => {
    setState({ type: "sending" });
    const answer = await send<T>(command, key);
    if (answer.ok) {
      setState({ type: "done", value: answer.value });
      return;
    }
    const { problem } = answer;
    if (problem.outcome === "unknown") {
      setState({ type: "unknown", problem });
      return;
    }
    // A refusal is remembered under its key: what is sent next is another command.
    setKey(newKey());
    const faults = faultsOf(problem, command.body, form.current);
    setState({ type: "editing", faults, problem: faults.size === 0 ? problem : null });
  };
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    if (state.type === "sending") return;
    if (wrong.size > 0 && state.type === "editing")
      setState({ type: "editing", faults: wrong, problem: null });
    else beside(ask());
  };

  useEffect(() => {
    if (state.type === "done") after.current?.focus();
    if (state.type !== "editing" || (state.faults.size === 0 && state.problem === null)) return;
    const faulty = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
    (faulty ?? after.current)?.focus();
  }, [state]);

  if (state.type === "done")
    return (
      <div class="done" ref={after} tabIndex={-1} role="status">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M5 12.5l4.5 4.5L19 7.5" />
        </svg>
        {done(state.value)}
        <button type="button" class="button main" onClick={closePanel}>
          {t("form.close")}
        </button>
      </div>
    );
  const fixed = state.type === "sending" || state.type === "unknown";
  const problem = state.type === "editing" || state.type === "unknown" ? state.problem : null;
  return (
    <FaultsContext.Provider value={state.type === "editing" ? state.faults : NO_FAULTS}>
      <form class="command" noValidate ref={form} onSubmit={onSubmit}>
        <fieldset disabled={fixed}>
          <legend class="unseen">{submit}</legend>
          {children}
        </fieldset>
        <div ref={after} tabIndex={-1} role="alert">
          {problem !== null && (
            <div class="trouble">
              <strong>{state.type === "unknown" ? t("form.unknown") : sayProblem(problem)}</strong>
              {state.type === "unknown" ? (
                <span>{t("form.unknown-what")}</span>
              ) : (
                <ServersWords problem={problem} />
              )}
            </div>
          )}
        </div>
        <div class="form-buttons">
          <button
            type="submit"
            class={danger ? "button danger" : "button main"}
            disabled={state.type === "sending"}
          >
            {state.type === "sending"
              ? t("form.sending")
              : state.type === "unknown"
                ? t("form.again")
                : submit}
          </button>
          <button type="button" class="button plain" onClick={closePanel}>
            {t("form.cancel")}
          </button>
        </div>
        <Curl command={command} keyOf={key} />
      </form>
    </FaultsContext.Provider>
  );
}

/** Only what a field shows; the rest is told above the buttons. */
function faultsOf(problem: Problem, body: object | null, form: HTMLFormElement | null): Faults {
  const told = new Map(
    placesOf(problem, body).map((place) => {
      const why = problem.errors?.find(({ pointer }) => pointer === place)?.detail;
      return [place, why === undefined ? sayProblem(problem) : t("form.field-refused", { why })];
    }),
  );
  const fields = [...(form?.querySelectorAll<HTMLElement>("[data-pointer]") ?? [])].map(
    ({ dataset }) => dataset["pointer"] ?? "",
  );
  const shown = [...told.keys()].every((place) =>
    fields.some((field) => place === field || place.startsWith(`${field}/`)),
  );
  return shown ? told : NO_FAULTS;
}

function Curl({ command, keyOf }: { readonly command: Command; readonly keyOf: string }) {
  const [copied, setCopied] = useState(false);
  const line = curlOf(command, keyOf, location.origin, accessKey() !== null);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(line);
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <section class="curl" aria-label={t("form.curl")}>
      <header>
        <h3>{t("form.curl")}</h3>
        {/* Browsers give pages the clipboard on secure origins alone. */}
        {navigator.clipboard !== undefined && (
          <button type="button" class="button small" onClick={() => beside(copy())}>
            {t(copied ? "form.copied" : "form.copy")}
          </button>
        )}
      </header>
      <pre tabIndex={0}>
        <code>{line}</code>
      </pre>
    </section>
  );
}
