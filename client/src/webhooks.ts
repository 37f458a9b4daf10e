import { pathOf } from "./check.ts";
import type { CommandOptions, Connection, ReadOptions } from "./connection.ts";
import type {
  Delivery,
  DeliveryFilter,
  NewWebhook,
  PageFilter,
  Replay,
  Webhook,
  WebhookChange,
  WebhookWithSecret,
} from "./types.ts";
import { List } from "./list.ts";
import type { Sent } from "./outcome.ts";

export class Webhooks {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** It is sent what happens from now on. The answer alone has its secret: store it. */
  create(webhook: NewWebhook, options?: CommandOptions): Sent<WebhookWithSecret> {
    return this.#connection.command("POST", "/v1/webhooks", webhook, options);
  }

  get(id: string, options?: ReadOptions): Promise<Webhook> {
    return this.#connection.read(pathOf`/v1/webhooks/${id}`, {}, "id", options);
  }

  list(filter: PageFilter = {}, options?: ReadOptions): List<Webhook> {
    return new List(this.#connection, "/v1/webhooks", { ...filter }, options);
  }

  /** The address, what it is sent, or whether it is sent at all. */
  change(id: string, change: WebhookChange, options?: CommandOptions): Sent<Webhook> {
    return this.#connection.command("PATCH", pathOf`/v1/webhooks/${id}`, change, options);
  }

  remove(id: string, options?: ReadOptions): Sent<void> {
    return this.#connection.remove(pathOf`/v1/webhooks/${id}`, options);
  }

  /** A new secret, which the answer alone has. The former one signs as well for 24 hours. */
  rotate(id: string, options?: CommandOptions): Sent<WebhookWithSecret> {
    return this.#connection.command("POST", pathOf`/v1/webhooks/${id}/secret`, {}, options);
  }

  /** Sends all events since then again, under their same ids; not what watches told. */
  replay(id: string, since: Replay, options?: CommandOptions): Sent<Webhook> {
    return this.#connection.command("POST", pathOf`/v1/webhooks/${id}/replay`, since, options);
  }

  /** What was sent or waits, with its attempts; newest first. */
  deliveries(id: string, filter: DeliveryFilter = {}, options?: ReadOptions): List<Delivery> {
    return new List(this.#connection, pathOf`/v1/webhooks/${id}/deliveries`, { ...filter }, options);
  }
}
