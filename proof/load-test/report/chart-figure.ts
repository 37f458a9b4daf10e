import type { ChartSpec } from "./chart-spec.ts";
import { type Html, html } from "./html.ts";

/**
 * A chart with its title and a description of what it shows. `table`, if given, holds the same figures. To a reader who
 * cannot see it the canvas is only an image, and these are its text.
 */
export function chartFigure(
  spec: ChartSpec,
  title: string,
  description: Html,
  table: Html | null = null,
): Html {
  return html`<figure>
    <figcaption>
      <h3 id="${spec.id}-title">${title}</h3>
      <p id="${spec.id}-told">${description}</p>
    </figcaption>
    <div
      class="chart"
      id="${spec.id}"
      role="group"
      aria-labelledby="${spec.id}-title"
      aria-describedby="${spec.id}-told"
    ></div>
    ${
      table === null
        ? null
        : html`<details>
            <summary>The figures as a table</summary>
            ${table}
          </details>`
    }
  </figure>`;
}
