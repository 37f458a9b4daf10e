import { PER_REQUEST } from "./wrk.ts";

/**
 * The server that a ledger is compared with: a Bun.serve that only reads the same request, parses it and answers with a
 * constant of the same size. Whatever a ledger costs beyond that is the price of being a ledger.
 *
 * `bare-server.ts [socket]`: on a free port of 127.0.0.1, or on a unix socket.
 */
const ANSWER = '{"limite":100000,"saldo":12345678}';
const INIT = { headers: { "content-type": "application/json" } };
const ENTRY = {
  valor: 1000,
  tipo: "c",
  descricao: "abcdefghij",
  realizada_em: "2024-01-17T02:34:38.543030Z",
};
const STATEMENT = JSON.stringify({
  saldo: { total: 12345678, data_extrato: "2024-01-17T02:34:41.217753Z", limite: 100000 },
  ultimas_transacoes: Array.from({ length: 10 }, () => ENTRY),
});

/** As a transfer between two accounts is answered. */
const TRANSFER = {
  id: "t0-12345-678-901234",
  postings: [{ from: "bench-123", to: "bench-456", amount: 500 }],
  description: null,
  reference: null,
  metadata: {},
  reverses: null,
  hold: null,
  created_at: "2024-01-17T02:34:41.217753Z",
  accounts: Object.fromEntries(
    ["bench-123", "bench-456"].map((id) => [
      id,
      {
        id,
        unit: "BRL/2",
        state: "open",
        credit_limit: 1_000_000_000_000,
        balance: -123_456,
        held: 0,
        available: 999_999_876_544,
        seq: 12_345,
        opened_at: "2024-01-17T02:34:38.543030Z",
      },
    ]),
  ),
};
const BATCH = JSON.stringify({
  results: Array.from({ length: PER_REQUEST.batches }, () => ({ status: 201, body: TRANSFER })),
});

const socket = process.argv[2];
const server = Bun.serve({
  ...(socket === undefined ? { port: 0, hostname: "127.0.0.1" } : { unix: socket }),
  development: false,
  routes: {
    "/clientes/:id/transacoes": {
      POST: async (request: Bun.BunRequest) => {
        const body: unknown = await request.json();
        if (body === null || request.params["id"] === "") return new Response(null, { status: 422 });
        return new Response(ANSWER, INIT);
      },
    },
    "/clientes/:id/extrato": {
      GET: (request: Bun.BunRequest) =>
        request.params["id"] === "" ? new Response(null, { status: 404 }) : new Response(STATEMENT, INIT),
    },
    "/v1/batches": {
      POST: async (request: Bun.BunRequest) => {
        const body: unknown = await request.json();
        return body === null ? new Response(null, { status: 422 }) : new Response(BATCH, INIT);
      },
    },
    "/readyz": () => new Response(null),
  },
  fetch: () => new Response(null, { status: 404 }),
});
console.log(`listens on ${socket ?? server.url.href.replace(/\/$/, "")}`);
