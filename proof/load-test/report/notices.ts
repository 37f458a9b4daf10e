import { type Html, html } from "./html.ts";
import { formatLatency, formatPercent } from "./format.ts";
import type { ShownRun } from "./shown-run.ts";

/** What a reader must know before relying on the figures. Shown above all charts. */
export function notices(runs: readonly ShownRun[]): Html {
  const shown = [...runs.flatMap(runNotices), ...differenceNotices(runs)];
  if (shown.length === 0) return html``;
  return html`<div class="notices">${shown}</div>`;
}

function runNotices({ name, result }: ShownRun): Html[] {
  const shown: Html[] = [];
  const alone = name === "this run";
  const subject = alone ? "The run" : `Run ${name}`;
  // In the report of one run the verdict already says so in large letters.
  if (!result.complete && !alone) {
    shown.push(
      warning(
        "Interrupted",
        html`${subject} ended before its load was complete. Its figures are not a result.`,
      ),
    );
  }
  if (result.generator.bottleneck) {
    shown.push(
      warning(
        "The generator was the bottleneck",
        html`${subject} sent its requests late by ${formatLatency(result.generator.delayP99Ms)} (p99), where
        less than 2 ms is due. The latencies below hold the generator's own delay; the server may be faster
        than they say. Give the generator a free core and run again.`,
      ),
    );
  }
  if (result.scale !== 1 || result.rate !== 1) {
    shown.push(
      note(
        "Not the contest's load",
        html`${subject} had phases of ${formatPercent(result.scale)} of the contest's length at
        ${formatPercent(result.rate)} of its rate.`,
      ),
    );
  }
  const notes = result.notes ?? [];
  if (notes.length > 0)
    shown.push(
      inconclusiveNotice(alone ? "What could not be told" : `What could not be told of run ${name}`, notes),
    );
  return shown;
}

/** Two runs compare the servers only if everything else was the same. */
function differenceNotices(runs: readonly ShownRun[]): Html[] {
  const [a, b] = runs;
  if (a === undefined || b === undefined) return [];
  const same = (of: (run: ShownRun) => string | number): boolean => of(a) === of(b);
  const differ = [
    same(({ result }) => result.scale) ? [] : ["in length"],
    same(({ result }) => result.rate) ? [] : ["in rate"],
    same(({ result: { machine } }) => `${machine.cpu} ${machine.cores} ${machine.memoryBytes}`)
      ? []
      : ["in the machine"],
    same(({ result }) => result.seed) ? [] : ["in the seed"],
  ].flat();
  if (differ.length === 0) return [];
  return [
    note("Not all else was equal", html`The two runs differ ${new Intl.ListFormat("en").format(differ)}.`),
  ];
}

function warning(title: string, text: Html): Html {
  return html`<p class="notice warning" role="note"><strong>${title}.</strong> ${text}</p>`;
}

function note(title: string, text: Html): Html {
  return html`<p class="notice" role="note"><strong>${title}.</strong> ${text}</p>`;
}

function inconclusiveNotice(title: string, notes: readonly string[]): Html {
  return html`<div class="notice" role="note">
    <strong>${title}.</strong>
    <ul>
      ${notes.map((text) => html`<li>${text}.</li>`)}
    </ul>
  </div>`;
}
