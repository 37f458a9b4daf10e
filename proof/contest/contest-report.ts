import { type Html, html } from "../load-test/report/html.ts";
import { scrollingTable } from "../load-test/report/tables.ts";
import type { ContestResult, UsageResult } from "./contest-result.ts";
import { SUBMISSION_BOUNDS, MEGABYTE_BYTES } from "./submission.ts";

const HEADINGS = [
  "",
  "CPU limit",
  "µs a request",
  "periods",
  "throttled",
  "at start",
  "MB limit",
  "held MB",
  "with files",
  "ready s",
] as const;

/** What was measured of the system, as text for a terminal. */
export function contestSummary(result: ContestResult): string {
  const table = rows(result);
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  const lines = table.map((cells) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  "),
  );
  return [...lines, "", ...notes(result)].join("\n");
}

/** The same as a section of the load test's page. */
export function contestSection(result: ContestResult): Html {
  const [headings = [], ...body] = rows(result);
  return html`<section>
    <h2>Under the contest's limits</h2>
    ${scrollingTable(
      "What each process took",
      html`<table class="data" data-table="contest">
        <thead>
          <tr>
            ${headings.map((heading) => html`<th scope="col">${heading === "" ? "Process" : heading}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${body.map(
            ([name = "", ...cells]) =>
              html`<tr>
                <th scope="row">${name}</th>
                ${cells.map((cell) => html`<td>${cell}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>`,
    )}
    ${notes(result).map((note) => html`<p>${note}</p>`)}
  </section>`;
}

function rows({ services, whole, readySeconds }: ContestResult): string[][] {
  const cpus = services.reduce((sum, service) => sum + service.cpus, 0);
  const megabytes = services.reduce((sum, service) => sum + service.memoryMegabytes, 0);
  return [
    [...HEADINGS],
    ...services.map(({ name, figures, ...limits }) =>
      row(name, limits.cpus, limits.memoryMegabytes, figures, limits.readyMilliseconds),
    ),
    row("whole", cpus, megabytes, whole && { ...whole, ...periodsOf(services) }, readySeconds * 1000),
  ];
}

/**
 * The group of the whole system has no limit, so the kernel does not count its periods. These are the sums of its
 * parts.
 */
function periodsOf(
  services: ContestResult["services"],
): Pick<UsageResult, "periods" | "throttledPeriods" | "throttledPeriodsAtStart"> {
  const sum = (figure: (figures: UsageResult) => number): number =>
    services.reduce((total, { figures }) => total + (figures === null ? 0 : figure(figures)), 0);
  return {
    periods: sum(({ periods }) => periods),
    throttledPeriods: sum(({ throttledPeriods }) => throttledPeriods),
    throttledPeriodsAtStart: sum(({ throttledPeriodsAtStart }) => throttledPeriodsAtStart),
  };
}

function row(
  name: string,
  cpus: number,
  memoryMegabytes: number,
  figures: UsageResult | null,
  readyMilliseconds: number | null,
): string[] {
  const show = (figure: (figures: UsageResult) => string): string =>
    figures === null ? "–" : figure(figures);
  const count = (value: number): string => value.toLocaleString("en-US");
  return [
    name,
    cpus.toFixed(2),
    show((of) => of.cpuMicrosecondsPerRequest.toFixed(0)),
    show((of) => count(of.periods)),
    show((of) => count(of.throttledPeriods)),
    show((of) => count(of.throttledPeriodsAtStart)),
    String(memoryMegabytes),
    show((of) => (of.memoryHeldPeakBytes / MEGABYTE_BYTES).toFixed(0)),
    show((of) => (of.memoryPeakBytes / MEGABYTE_BYTES).toFixed(0)),
    readyMilliseconds === null ? "–" : (readyMilliseconds / 1000).toFixed(1),
  ];
}

/** What the figures mean, one sentence each. */
function notes(result: ContestResult): string[] {
  const { program, shards, unlimited, readySeconds, services, disk, deaths } = result;
  const from = program === "executable" ? "the executable" : "the source";
  const throttled = services.filter(({ figures }) => (figures?.throttledPeriods ?? 0) > 0);
  const { ready_seconds: bound } = SUBMISSION_BOUNDS;
  return [
    unlimited === null
      ? `The ledger's own processes ran from ${from}, each process in a control group with its limits.`
      : `Without limits, which cannot be set here: ${unlimited}. What each process took was not counted.`,
    ...(shards === 1 ? [] : [`The accounts were split into ${shards} shards, all on the one Redis.`]),
    `Ready ${readySeconds.toFixed(1)} s after the start with an empty folder ` +
      (readySeconds <= bound
        ? `(the contest waits ${bound} s).`
        : `: too late, the contest waits ${bound} s.`),
    ...(unlimited === null
      ? [
          throttled.length === 0
            ? "No process was throttled during the load."
            : `Throttled during the load: ${throttled.map(({ name }) => name).join(", ")}.`,
        ]
      : []),
    `The disk, meanwhile, took ${milliseconds(disk.p50Milliseconds)} ms for a write of 4 kB with fdatasync ` +
      `(p99 ${milliseconds(disk.p99Milliseconds)}, max ${milliseconds(disk.maxMilliseconds)}; ` +
      `${disk.writes.toLocaleString("en-US")} of them): every answer waits for one like these.`,
    ...deaths.map((sentence) => `Not as it should be: ${sentence}`),
  ];
}

function milliseconds(value: number): string {
  return value.toFixed(2);
}
