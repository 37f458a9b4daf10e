import { pathOf } from "./check.ts";
import type { CommandOptions, Connection, ReadOptions } from "./connection.ts";
import { List } from "./list.ts";
import type { Sent } from "./outcome.ts";
import type { Capture, DecidedHold, Hold, HoldFilter, NewHold } from "./types.ts";

export class Holds {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sets an amount aside, until it is captured, released, or expires. */
  create(hold: NewHold, options?: CommandOptions): Sent<DecidedHold> {
    return this.#connection.command("POST", "/v1/holds", hold, options);
  }

  get(id: string, options?: ReadOptions): Promise<Hold> {
    return this.#connection.read(pathOf`/v1/holds/${id}`, {}, "id", options);
  }

  /** Newest first, from the books: up to a second behind. */
  list(filter: HoldFilter = {}, options?: ReadOptions): List<Hold> {
    return new List(this.#connection, "/v1/holds", { ...filter }, options);
  }

  /** @param capture what was used; left out: all of it */
  capture(id: string, capture: Capture = {}, options?: CommandOptions): Sent<DecidedHold> {
    return this.#connection.command("POST", pathOf`/v1/holds/${id}/capture`, capture, options);
  }

  /** Frees all of it. */
  release(id: string, options?: CommandOptions): Sent<DecidedHold> {
    return this.#connection.command("POST", pathOf`/v1/holds/${id}/release`, {}, options);
  }
}
