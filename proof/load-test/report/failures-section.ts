import { type Html, html } from "./html.ts";
import type { Failure } from "../run-result.ts";
import type { ShownRun } from "./shown-run.ts";
import { formatClock, formatCount, formatCounted } from "./format.ts";

/** How many failures are visible at once. The reader can unfold the rest. */
const shown_failures_max = 8;

/**
 * How often each check failed, then each failure with its message. A hundred failures of one check are often one
 * problem.
 */
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
    ${checkCounts(failures, failuresTotal)}
    <ol class="failures">
      ${failures.slice(0, shown_failures_max).map((failure) => failureItem(failure))}
    </ol>
    ${failures.length > shown_failures_max ? moreFailures(failures.slice(shown_failures_max)) : null}
    ${
      failures.length < failuresTotal
        ? html`<p class="soft">
            The first ${formatCount(failures.length)} of ${formatCounted(failuresTotal, "failure")}, in the
            order in which they were seen.
          </p>`
        : null
    }
  </section>`;
}

function moreFailures(failures: readonly Failure[]): Html {
  return html`<details>
    <summary>${formatCount(failures.length)} more</summary>
    <ol class="failures" start="${shown_failures_max + 1}">
      ${failures.map((failure) => failureItem(failure))}
    </ol>
  </details>`;
}

function checkCounts(failures: readonly Failure[], failuresTotal: number): Html {
  const times = new Map<string, number>();
  for (const { check } of failures) times.set(check, (times.get(check) ?? 0) + 1);
  const byTimes = [...times].toSorted(([, a], [, b]) => b - a);
  const whole = failures.length === failuresTotal;
  return html`<p class="checks">
    ${whole ? "" : html`<span class="soft">among the first ${formatCount(failures.length)}:</span> `}
    ${byTimes.map(([check, often]) => html`<span class="check"><b>${formatCount(often)}</b> ${check}</span> `)}
  </p>`;
}

function failureItem({ check, kind, inconsistency, atSeconds, message }: Failure): Html {
  return html`<li>
    <p>${message}</p>
    <p class="soft">
      at ${formatClock(atSeconds)} · ${kind} ·
      ${check}${inconsistency ? html` · <b class="bad">wrong balance</b>` : null}
    </p>
  </li>`;
}
