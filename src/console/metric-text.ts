/** One line of a process's `/metrics`. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * The samples of a text in Prometheus's format (text/plain; version=0.0.4), in their order. Comments are passed over, and so
 * is the time that a sample may have. Strict: a text that is anything else is not half understood.
 *
 * @throws Error that names the line
 */
export function parseMetrics(text: string): Sample[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return [];
    const sample = parseSample(line);
    if (sample === null) throw new Error(`line ${index + 1} is no sample of a metric`);
    return [sample];
  });
}

const NAME = /([A-Za-z_:][A-Za-z0-9_:]*)/y;
const LABEL = /[ \t]*([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"[ \t]*(,?)[ \t]*/y;
const REST = /[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*$/y;

function parseSample(line: string): Sample | null {
  const name = match(NAME, line, 0);
  if (name === null) return null;
  const labels: Record<string, string> = {};
  let at = name.end;
  if (line[at] === "{") {
    at += 1;
    let isMore = true;
    while (line[at] !== "}") {
      const label: Match | null = isMore ? match(LABEL, line, at) : null;
      if (label === null) return null;
      const [, key = "", escaped = "", comma = ""]: string[] = label.groups;
      if (Object.hasOwn(labels, key)) return null;
      labels[key] = escaped.replaceAll(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one));
      isMore = comma === ",";
      at = label.end;
    }
    at += 1;
  }
  const value = numberOf(match(REST, line, at)?.groups[1] ?? "");
  return value === null ? null : { name: name.groups[1] ?? "", labels, value };
}

interface Match {
  readonly groups: RegExpExecArray;
  readonly end: number;
}

function match(pattern: RegExp, line: string, at: number): Match | null {
  pattern.lastIndex = at;
  const groups = pattern.exec(line);
  return groups === null ? null : { groups, end: pattern.lastIndex };
}

const OTHERS: Readonly<Record<string, number>> = { NaN, "+Inf": Infinity, Inf: Infinity, "-Inf": -Infinity };

function numberOf(text: string): number | null {
  if (Object.hasOwn(OTHERS, text)) return OTHERS[text] ?? null;
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : null;
}

/** The sum of a metric's samples that the condition takes; `null` where there is none. */
export function sumOf(
  samples: readonly Sample[],
  name: string,
  isMeant: (labels: Sample["labels"]) => boolean = () => true,
): number | null {
  const found = samples.filter((sample) => sample.name === name && isMeant(sample.labels));
  return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
}
