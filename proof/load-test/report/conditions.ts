import { type Html, html } from "./html.ts";
import {
  formatCount,
  formatDuration,
  formatInstant,
  formatLatency,
  formatMemory,
  formatPercent,
} from "./format.ts";
import type { RunResult } from "../run-result.ts";
import { scrollingTable } from "./tables.ts";

/** How late the generator was, and so whether the figures are the server's alone. */
export function generatorSection({ generator }: RunResult): Html {
  return html`<section>
    <h2>The generator itself</h2>
    <p>
      It started its requests later than they were due by ${formatLatency(generator.delayP50Ms)} (p50),
      ${formatLatency(generator.delayP99Ms)} (p99), ${formatLatency(generator.delayMaxMs)} at most. Latencies
      count from the due time, so this delay is a part of them.
      ${
        generator.bottleneck
          ? html`<strong class="warn">With a p99 of 2 ms or more it was a bottleneck.</strong>`
          : html`With a p99 under 2 ms it was not in the way.`
      }
    </p>
  </section>`;
}

/** Everything that another person needs to repeat the measurement. */
export function repeatSection(result: RunResult): Html {
  return html`<section>
    <h2>To repeat this run</h2>
    <pre tabindex="0" aria-label="Command"><code>${result.command}</code></pre>
    <dl class="facts">
      ${facts(result).map(
        ([term, value]) =>
          html`<div>
            <dt>${term}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}

/** The same for two runs, with the differences marked. */
export function repeatBothSection(a: RunResult, b: RunResult): Html {
  const ofB = facts(b);
  return html`<section>
    <h2>To repeat the runs</h2>
    ${[a, b].map(
      ({ command }, index) =>
        html`<pre
          tabindex="0"
          aria-label="${index === 0 ? "Command of A" : "Command of B"}"
        ><code>${command}</code></pre>`,
    )}
    ${scrollingTable(
      "Conditions of both runs",
      html`<table class="data words">
        <thead>
          <tr>
            <th scope="col">Condition</th>
            <th scope="col">A</th>
            <th scope="col">B</th>
          </tr>
        </thead>
        <tbody>
          ${facts(a).map(([term, value], at) => {
            const other = ofB[at]?.[1] ?? "–";
            return html`<tr class="${value === other ? "" : "differs"}">
              <th scope="row">${term}</th>
              <td>${value}</td>
              <td>${other}</td>
            </tr>`;
          })}
        </tbody>
      </table>`,
    )}
  </section>`;
}

function facts(result: RunResult): readonly (readonly [string, string])[] {
  const { machine } = result;
  return [
    ["Server", result.url],
    ["Seed", String(result.seed)],
    ["Length", `${formatPercent(result.scale)} of the contest's`],
    ["Rate", `${formatPercent(result.rate)} of the contest's`],
    ["Started", formatInstant(result.startedAt)],
    ["Took", formatDuration(result.durationSeconds)],
    ["Processor", `${machine.cpu}, ${formatCount(machine.cores)} ${machine.cores === 1 ? "core" : "cores"}`],
    ["Memory", formatMemory(machine.memoryBytes)],
  ];
}
