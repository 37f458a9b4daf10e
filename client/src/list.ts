import type { Connection, Query, ReadOptions } from "./connection.ts";
import { NotDoneError } from "./outcome.ts";

const SAME_PAGE = {
  type: "not-done",
  detail: "the list leads back to the same page, so its server is not the ledger",
  problem: null,
  key: "",
} as const;

/** Of a list. */
export interface Page<Item> {
  readonly data: readonly Item[];
  /** Where the next one begins; `null` after the last. */
  readonly next: string | null;
}

/** A list, read page by page as it is walked through: `for await (const account of ledger.accounts.list())`. */
export class List<Item> implements AsyncIterable<Item> {
  readonly #read: (cursor: string | undefined) => Promise<Page<Item>>;
  readonly #first: string | undefined;

  constructor(connection: Connection, path: string, query: Query, options?: ReadOptions) {
    const { cursor } = query;
    this.#first = cursor === undefined ? undefined : String(cursor);
    this.#read = (at) => connection.read(path, { ...query, cursor: at }, "data", options);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const { data } of this.pages()) yield* data;
  }

  /** For who shows pages, or stores the cursor: a page's `next` is the `cursor` to go on with. */
  async *pages(): AsyncGenerator<Page<Item>, void, undefined> {
    let cursor = this.#first;
    do {
      const page = await this.#read(cursor);
      yield page;
      // Else it would be walked through for ever.
      if (page.next !== null && page.next === cursor) throw new NotDoneError(SAME_PAGE);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
  }

  /** The first page alone. */
  page(): Promise<Page<Item>> {
    return this.#read(this.#first);
  }

  /** All items. Mind how many there may be. */
  async all(): Promise<Item[]> {
    const items: Item[] = [];
    for await (const item of this) items.push(item);
    return items;
  }
}
