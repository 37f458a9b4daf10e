/** What `GET /metrics` tells: by the name with its labels, as they are written. */
export type Told = ReadonlyMap<string, number>;

/** Of several processes: the same name of two of them is added up. */
export async function readMetrics(urls: readonly string[]): Promise<Told> {
  const all = new Map<string, number>();
  for (const text of await Promise.all(urls.map(metricsText))) {
    for (const line of text.split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const at = line.lastIndexOf(" ");
      const name = line.slice(0, at);
      all.set(name, (all.get(name) ?? 0) + Number(line.slice(at + 1)));
    }
  }
  return all;
}

export async function metricsText(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return response.text();
}

/** What has become more, of names that begin so; without their beginning. */
export function risen(before: Told, after: Told, beginning: string): Readonly<Record<string, number>> {
  const changes = [...after].flatMap(([name, value]): [string, number][] => {
    const change = value - (before.get(name) ?? 0);
    return change !== 0 && name.startsWith(beginning) ? [[name.slice(beginning.length), change]] : [];
  });
  return Object.fromEntries(changes.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
