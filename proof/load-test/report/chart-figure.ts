import type { ChartSpec } from "./chart-spec.ts";
import { type Html, html } from "./html.ts";

/**
 * A chart with its title and, in words, what is to be seen in it; `figures`, where given, holds the same as a table.
 * The canvas is an image to a reader who cannot see it: these are its text.
 */
export function figure(spec: ChartSpec, title: string, told: Html, figures: Html | null = null): Html {
  return html`<figure>
    <figcaption>
      <h3 id="${spec.id}-title">${title}</h3>
      <p id="${spec.id}-told">${told}</p>
    </figcaption>
    <div
      class="chart"
      id="${spec.id}"
      role="group"
      aria-labelledby="${spec.id}-title"
      aria-describedby="${spec.id}-told"
    ></div>
    ${
      figures === null
        ? null
        : html`<details>
            <summary>The figures as a table</summary>
            ${figures}
          </details>`
    }
  </figure>`;
}
