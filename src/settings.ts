import { z } from "zod";
import { StartError } from "./errors.ts";
import { eachHost } from "./tls/server-trust.ts";

/** What config.ts reads settings with: where each comes from, what it may be, and the error that names it. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting as it was given, and what gave it, in words for a message: "--port", "the variable PORT". */
export interface Setting {
  readonly text: string;
  readonly from: string;
}

/** @param fallback where neither flag nor variable is set; "" for a setting without a default */
export function setting(
  environment: Environment,
  name: string,
  fallback = "",
  flag?: { readonly name: string; readonly text: string | undefined },
): Setting {
  if (flag?.text !== undefined) return { text: flag.text, from: flag.name };
  const text = environment[name];
  if (text) return { text, from: `the variable ${name}` };
  return { text: fallback, from: `the default of ${flag?.name ?? name}` };
}

export function parse<Settings>(
  schema: z.ZodType<Settings>,
  given: Readonly<Record<string, Setting>>,
): Settings {
  const result = schema.safeParse(
    Object.fromEntries(Object.entries(given).map(([name, { text }]) => [name, text])),
  );
  if (result.success) return result.data;
  const errors = result.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    const { text, from } = given[name] ?? { text: "", from: name };
    // Without a default, what is not given is a variable that is not set.
    if (text === "" && !from.startsWith("--")) return `the variable ${name} ${issue.message}, but is not set`;
    return `${from} ${issue.message}, not "${name.endsWith("_URL") ? urlWithoutPassword(text) : text}"`;
  });
  throw new StartError(`${errors.join("; ")}.`);
}

/** Of what should be a URL, and may have a password at any place where it is wrong, only what surely is none. */
function urlWithoutPassword(text: string): string {
  const scheme = /^[a-z-]+:\/\//.exec(text)?.[0] ?? "";
  return `${scheme}...${scheme === "" ? "" : (URL.parse(text)?.host ?? "")}`;
}

export function host() {
  return z.string().regex(/^\S+$/, "must be an IP address or a name of this machine");
}

export function url(...schemes: readonly string[]) {
  const message = `must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`;
  return z
    .string()
    .refine((text) => schemes.some((scheme) => text.startsWith(`${scheme}://`)), { message, abort: true })
    .refine(isWhole, {
      message: "must be a whole URL, with what is no letter or digit in its password percent-encoded",
      abort: true,
    });
}

const HOSTS_RULE =
  "must be a URL with one host or several, each as host or host:port, with a comma and no space between them";

/** As {@link url}, of one host or several. */
export function urlOfHosts(...schemes: readonly string[]) {
  return url(...schemes).refine(namesEachHost, HOSTS_RULE);
}

/** Of the books in PostgreSQL, on one host or several. One alone may be left out. */
export function booksUrl() {
  return url("postgres", "postgresql")
    .refine((text) => !/^[a-z]+:\/\/(?:[^@/?]*@)?[^@/?]*,/.test(text) || namesEachHost(text), HOSTS_RULE)
    .refine(
      (text) => SESSION_ATTRS.includes(/[?&]target_session_attrs=([^&]*)/.exec(text)?.[1] ?? ""),
      "must have no target_session_attrs but primary, read-write, read-only, standby or prefer-standby",
    );
}

/** As postgres.js takes them; it would refuse another one without a word about which setting has it. */
const SESSION_ATTRS = ["", "primary", "read-write", "read-only", "standby", "prefer-standby"];

function namesEachHost(text: string): boolean {
  try {
    return eachHost(text).every(({ hostname }) => hostname !== "");
  } catch {
    return false;
  }
}

/** Clients would refuse any other one, with an error that shows it, password and all. */
function isWhole(text: string): boolean {
  // A path takes the place of the host, and hosts may be several: neither is for the parser.
  const parsed = URL.parse(
    text.replace(/^unix:\/\/([^@/]*@)?\//, "http://$1socket/").replace(/,[^/?@]*(?=[/?]|$)/, ""),
  );
  if (parsed === null) return false;
  try {
    decodeURIComponent(parsed.username + parsed.password);
    return true;
  } catch {
    return false;
  }
}

export function integer(min: number, max: number) {
  const message = `must be an integer from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

/** A setting that may be left out. */
export function optionalInteger(min: number, max: number) {
  return z.union([z.literal("").transform(() => null), integer(min, max)], {
    error: `must be an integer from ${min} to ${max}`,
  });
}
