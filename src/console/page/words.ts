import { table } from "./words-table.ts";

export type Language = "en" | "pt";
type Table = typeof table;
export type Word = { [Group in keyof Table]: `${Group}.${keyof Table[Group] & string}` }[keyof Table];

const STORED = "razonete-language";
const LOCALES: Readonly<Record<Language, string>> = { en: "en-US", pt: "pt-BR" };

let chosen: Language = stored() ?? preferred(navigator.languages);

/** The first of the browser's languages that the console has. */
function preferred(languages: readonly string[]): Language {
  for (const wanted of languages) {
    if (/^pt\b/i.test(wanted)) return "pt";
    if (/^en\b/i.test(wanted)) return "en";
  }
  return "en";
}

export function language(): Language {
  return chosen;
}

/** Whoever sets it draws the page anew. */
export function setLanguage(next: Language): void {
  chosen = next;
  localStorage.setItem(STORED, next);
}

/** For numbers and times. */
export function locale(): string {
  return LOCALES[chosen];
}

/** The word's text, with each `{name}` replaced. What replaces it stays text: nothing here is HTML. */
export function t(word: Word, values: Readonly<Record<string, string | number>> = {}): string {
  const [english = word, portuguese = word] = textsOf(word) ?? [];
  const text = chosen === "pt" ? portuguese : english;
  return text.replaceAll(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));
}

export function isWord(text: string): text is Word {
  return textsOf(text) !== undefined;
}

function textsOf(word: string): readonly string[] | undefined {
  const dot = word.indexOf(".");
  const groups: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = table;
  const group = word.slice(0, dot);
  const name = word.slice(dot + 1);
  return Object.hasOwn(groups, group) && Object.hasOwn(groups[group] ?? {}, name)
    ? groups[group]?.[name]
    : undefined;
}

function stored(): Language | null {
  const text = localStorage.getItem(STORED);
  return text === "en" || text === "pt" ? text : null;
}
