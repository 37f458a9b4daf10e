import { call } from "../../support/api.ts";
import type { Traffic } from "./traffic.ts";

const PAUSE_MILLISECONDS = 20;

export interface MixedTraffic extends Traffic {
  /** By path: how many requests were answered, whatever was answered. */
  readonly answered: ReadonlyMap<string, number>;
  /** Deliveries that the webhook's target has taken. */
  readonly delivered: number;
  /** Rows that were read from the stream of events. */
  readonly told: number;
}

/**
 * What clients do on a day when nothing is wrong, at once: transactions of both shapes of the API, refused ones, some under
 * a key that was sent before, batches, holds that are captured, released, or left to their end, reads, a stream of events,
 * and a webhook whose target takes what comes.
 *
 * @param url of a server whose webhooks may go to this machine
 */
export async function startMixedTraffic(url: string): Promise<MixedTraffic> {
  const over = new AbortController();
  const answered = new Map<string, number>();
  let delivered = 0;
  let told = 0;
  const target = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      delivered += 1;
      return new Response(null, { status: 204 });
    },
  });
  const send = async (method: "GET" | "POST", path: string, body?: object, key: string | null = null) => {
    const answer = await call(url, method, path, body, key);
    answered.set(path, (answered.get(path) ?? 0) + 1);
    return Object(answer.body);
  };
  const again = async (name: string, act: (round: number) => Promise<unknown>): Promise<void> => {
    for (let round = 0; !over.signal.aborted; round += 1) {
      try {
        await act(round);
      } catch (error) {
        if (!over.signal.aborted) throw new Error(`${name} was not answered`, { cause: error });
      }
      await Bun.sleep(PAUSE_MILLISECONDS);
    }
  };
  const credit = { valor: 10, tipo: "c", descricao: "mixed" };
  const posting = { from: "@world", to: "2", amount: 5 };
  const hold = { from: "2", amount: 1 };
  await send("POST", "/v1/webhooks", { url: `http://127.0.0.1:${target.port}/` });
  const events = await fetch(`${url}/v1/events`, {
    headers: { accept: "text/event-stream" },
    signal: over.signal,
  });
  const follow = async (): Promise<void> => {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of events.body ?? [])
        told += decoder.decode(chunk, { stream: true }).split("\nid:").length - 1;
    } catch (error) {
      if (!over.signal.aborted) throw new Error("the stream of events ended", { cause: error });
    }
  };
  const clients = [
    again("a credit", (round) => send("POST", "/clientes/1/transacoes", credit, `mixed-${round >> 1}`)),
    again("a refused debit", () =>
      send("POST", "/clientes/3/transacoes", { valor: 1e12, tipo: "d", descricao: "much" }),
    ),
    again("a statement", () => send("GET", "/clientes/1/extrato")),
    again("a transaction", () => send("POST", "/v1/transactions", { postings: [posting] })),
    again("a hold", async (round) => {
      const { id } = await send("POST", "/v1/holds", { ...hold, expires_in: round % 3 === 0 ? 1 : 60 });
      if (round % 3 > 0)
        await call(url, "POST", `/v1/holds/${id}/${round % 3 === 1 ? "capture" : "release"}`, {});
    }),
    again("a batch", () =>
      send("POST", "/v1/batches", {
        atomic: false,
        commands: [{ op: "transaction", body: { postings: [posting] } }],
      }),
    ),
    again("a look at the ledger", () => send("GET", "/v1/ledger")),
    follow(),
  ];
  return {
    answered,
    get delivered() {
      return delivered;
    },
    get told() {
      return told;
    },
    stop: async () => {
      over.abort();
      await Promise.all(clients);
      await target.stop(true);
    },
  };
}
