import type { Command } from "../api.ts";

/**
 * The command as a line for a shell.
 *
 * @param hasKey whether the server asks for an access key; it is written as a variable, and never shown
 */
export function curlOf(
  { method, path, body }: Command,
  key: string,
  origin: string,
  hasKey: boolean,
): string {
  return [
    `curl${method === "POST" ? (body === null ? " -X POST" : "") : ` -X ${method}`}`,
    ...(hasKey ? [`-H "Authorization: Bearer $KEY"`] : []),
    `-H 'Idempotency-Key: ${key}'`,
    ...(body === null ? [] : [`-d ${quoted(JSON.stringify(body))}`]),
    quotedIfNeeded(`${origin}${path}`),
  ].join(" \\\n  ");
}

function quotedIfNeeded(text: string): string {
  return /^[\w.:/%@-]+$/.test(text) ? text : quoted(text);
}

/** In single quotes a shell takes everything as it stands, but a single quote. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
