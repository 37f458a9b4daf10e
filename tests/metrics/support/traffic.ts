import { call } from "../../support/api.ts";

export interface Traffic {
  stop(): Promise<void>;
}

const PAUSE_MILLISECONDS = 50;
const CLIENTS = 2;

/** A few clients that credit accounts, one after the other. What they are answered, or whether at all, is not theirs to judge. */
export function startTraffic(url: string): Traffic {
  const over = new AbortController();
  const client = async (account: number): Promise<void> => {
    while (!over.signal.aborted) {
      const body = { valor: 1, tipo: "c", descricao: "traffic" };
      await call(url, "POST", `/clientes/${account}/transacoes`, body).catch(() => {});
      await Bun.sleep(PAUSE_MILLISECONDS);
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, index) => client(index + 4));
  return {
    stop: async () => {
      over.abort();
      await Promise.all(clients);
    },
  };
}
