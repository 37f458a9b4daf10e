import { pathOf } from "./check.ts";
import type { CommandOptions, Connection, ReadOptions } from "./connection.ts";
import type { Crossing, NewWatch, PageFilter, Watch } from "./types.ts";
import { List } from "./list.ts";
import type { Sent } from "./outcome.ts";

export class Watches {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Webhooks are sent a `watch.crossed` each time that what an account has available falls under the bound. */
  create(watch: NewWatch, options?: CommandOptions): Sent<Watch> {
    return this.#connection.command("POST", "/v1/watches", watch, options);
  }

  get(id: string, options?: ReadOptions): Promise<Watch> {
    return this.#connection.read(pathOf`/v1/watches/${id}`, {}, "id", options);
  }

  list(filter: PageFilter = {}, options?: ReadOptions): List<Watch> {
    return new List(this.#connection, "/v1/watches", { ...filter }, options);
  }

  remove(id: string, options?: ReadOptions): Sent<void> {
    return this.#connection.remove(pathOf`/v1/watches/${id}`, options);
  }

  /** Each time that it was crossed. */
  crossings(id: string, filter: PageFilter = {}, options?: ReadOptions): List<Crossing> {
    return new List(this.#connection, pathOf`/v1/watches/${id}/crossings`, { ...filter }, options);
  }
}
