/**
 * Markup that is escaped by construction: every value in a template is text, unless it is itself `Html`. So a failure
 * message, a URL or the name of an error may contain anything and stays text.
 */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

export type Content = Html | string | number | null | readonly Content[];

export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(parts.reduce((markup, part, at) => markup + render(contents[at - 1] ?? null) + part));
}

function render(content: Content): string {
  if (content === null) return "";
  if (content instanceof Html) return content.markup;
  if (typeof content === "object") return content.map(render).join("");
  return Bun.escapeHTML(content);
}

/**
 * Data for the page's script. Inside a script element there are no entities. Instead every `<` is escaped in the
 * JSON, so that none can end the element (`</script>`) or open a comment (`<!--`).
 */
export function jsonScript(id: string, data: unknown): Html {
  const json = JSON.stringify(data).replaceAll("<", String.raw`\u003c`);
  return new Html(`<script type="application/json" id="${Bun.escapeHTML(id)}">${json}</script>`);
}
