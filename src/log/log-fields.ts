/** What is known of a line beside its text, for programs. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** `people`: a sentence on a line. `json`: an object on a line. */
export type LogFormat = "people" | "json";
