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
    "/readyz": () => new Response(null),
  },
  fetch: () => new Response(null, { status: 404 }),
});
console.log(`listens on ${socket ?? server.url.href.replace(/\/$/, "")}`);
