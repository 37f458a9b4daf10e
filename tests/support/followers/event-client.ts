import { z } from "zod";

/** An event as it came. */
export interface Told {
  /** Of the stream; of a page `null`. */
  readonly cursor: string | null;
  readonly id: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

const event = z.strictObject({
  id: z.string(),
  type: z.string(),
  at: z.string(),
  data: z.record(z.string(), z.unknown()),
});
const page = z.strictObject({ data: z.array(event), next: z.string() });

export async function readPage(url: string, query = ""): Promise<{ events: Told[]; next: string }> {
  const response = await fetch(`${url}/v1/events?${query}`);
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  const { data, next } = page.parse(await response.json());
  return { events: data.map((one) => ({ ...one, cursor: null })), next };
}

/** All that is there, page by page. */
export async function readAll(url: string, query = "limit=100", from: string | null = null): Promise<Told[]> {
  const all: Told[] = [];
  for (let after = from; ;) {
    const { events, next } = await readPage(url, after === null ? query : `${query}&after=${after}`);
    if (next === after) return all;
    all.push(...events);
    after = next;
  }
}

export interface StreamOptions {
  readonly query?: string;
  readonly lastId?: string | null;
  readonly key?: string;
  /** The file of the CA whose certificates are trusted. */
  readonly ca?: string | undefined;
  /** The socket that leads there, in place of the address. */
  readonly unix?: string | undefined;
  /** Called with each event that came whole. */
  readonly onEvent: (event: Told) => void;
  /** Called with each block of the stream, comments and all. */
  readonly onBlock?: (block: string) => void;
  readonly signal?: AbortSignal;
  /** It is cut off after so many bytes. */
  readonly bytesMax?: number;
}

/** Follows a stream until it ends, or is ended. Parsed by the words of the HTML standard, apart from the code under test. */
export async function follow(url: string, options: StreamOptions): Promise<void> {
  const { query = "", lastId = null, key, ca, unix, onEvent, onBlock, signal, bytesMax = Infinity } = options;
  const cut = new AbortController();
  signal?.addEventListener("abort", () => cut.abort(), { once: true });
  const response = await fetch(`${url}/v1/events?${query}`, {
    headers: {
      accept: "text/event-stream",
      ...(lastId === null ? {} : { "last-event-id": lastId }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    signal: cut.signal,
    ...(ca === undefined ? {} : { tls: { ca: Bun.file(ca) } }),
    ...(unix === undefined ? {} : { unix }),
  });
  if (!response.ok || response.body === null) throw new Error(`${response.status}: ${await response.text()}`);
  let bytes = 0;
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body) {
      const left = bytesMax - bytes;
      text += decoder.decode(chunk.subarray(0, left), { stream: true });
      bytes += chunk.length;
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        onBlock?.(block);
        const told = toldIn(block);
        if (told !== null) onEvent(told);
      }
      if (bytes >= bytesMax) break;
    }
  } catch (error) {
    // Whoever follows comes again, whatever ended it.
    if (signal?.aborted !== true && !isCut(error)) throw error;
  } finally {
    cut.abort();
  }
}

function isCut(error: unknown): boolean {
  return (
    error instanceof Error && /socket|closed|abort|reset|connect|terminated/i.test(`${error.name} ${error}`)
  );
}

function toldIn(block: string): Told | null {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const [, name = "", value = ""] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
    fields.set(name, value);
  }
  const data = fields.get("data");
  if (data === undefined) return null;
  const parsed = event.parse(JSON.parse(data));
  if (fields.get("event") !== parsed.type) throw new Error(`an event of another type: ${block}`);
  return { ...parsed, cursor: fields.get("id") ?? null };
}

type Way = Pick<StreamOptions, "ca" | "unix">;

/** Follows until it is stopped, and comes again with the id that it noted last. */
export class Follower {
  readonly events: Told[] = [];
  /** How often it came again. */
  returns = -1;
  #lastId: string | null = null;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  /** @param bytesOf how many bytes it reads before it is cut off */
  constructor(urlOf: () => string, query = "", bytesOf: () => number = () => Infinity, way: Way = {}) {
    this.#done = this.#run(urlOf, query, bytesOf, way);
  }

  get ids(): string[] {
    return this.events.map(({ id }) => id);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(urlOf: () => string, query: string, bytesOf: () => number, way: Way): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.returns += 1;
      await follow(urlOf(), {
        query,
        ...way,
        lastId: this.#lastId,
        bytesMax: bytesOf(),
        signal: this.#stop.signal,
        onEvent: (told) => {
          this.events.push(told);
          this.#lastId = told.cursor;
        },
        // Nobody may be there for a moment.
      }).catch(() => Bun.sleep(100));
    }
  }
}
