import { type Html, html } from "./html.ts";
import type { Failure } from "../run-result.ts";
import type { ShownRun } from "./shown-run.ts";
import { clock, count, counted } from "./format.ts";

/** So many are in sight at once; whoever wants to read on opens the others. */
const open_max = 8;

/** Each failure in words, and before them how often each check failed: a hundred of one kind are one trouble. */
export function failuresSection({ name, result }: ShownRun): Html {
  const { failures, failuresTotal } = result;
  const title = name === "this run" ? "Failures" : `Failures of run ${name}`;
  if (failuresTotal === 0) {
    return html`<section>
      <h2>${title}</h2>
      <p>${result.total.requests === 0 ? "Nothing was measured, so nothing failed." : "None."}</p>
    </section>`;
  }
  return html`<section>
    <h2>${title}</h2>
    ${checks(failures, failuresTotal)}
    <ol class="failures">
      ${failures.slice(0, open_max).map((failure) => item(failure))}
    </ol>
    ${failures.length > open_max ? more(failures.slice(open_max)) : null}
    ${
      failures.length < failuresTotal
        ? html`<p class="soft">
            The first ${count(failures.length)} of ${counted(failuresTotal, "failure")}, in the order in which
            they were seen.
          </p>`
        : null
    }
  </section>`;
}

function more(failures: readonly Failure[]): Html {
  return html`<details>
    <summary>${count(failures.length)} more</summary>
    <ol class="failures" start="${open_max + 1}">
      ${failures.map((failure) => item(failure))}
    </ol>
  </details>`;
}

function checks(failures: readonly Failure[], failuresTotal: number): Html {
  const times = new Map<string, number>();
  for (const { check } of failures) times.set(check, (times.get(check) ?? 0) + 1);
  const byTimes = [...times].toSorted(([, a], [, b]) => b - a);
  const whole = failures.length === failuresTotal;
  return html`<p class="checks">
    ${whole ? "" : html`<span class="soft">among the first ${count(failures.length)}:</span> `}
    ${byTimes.map(([check, often]) => html`<span class="check"><b>${count(often)}</b> ${check}</span> `)}
  </p>`;
}

function item({ check, kind, inconsistency, atSeconds, message }: Failure): Html {
  return html`<li>
    <p>${message}</p>
    <p class="soft">
      at ${clock(atSeconds)} · ${kind} ·
      ${check}${inconsistency ? html` · <b class="bad">wrong balance</b>` : null}
    </p>
  </li>`;
}
