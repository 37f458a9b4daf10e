/**
 * What the embedded ledger is measured against: a Bun.serve that does nothing but read the same request, parse it
 * and answer a constant of the same size. What the ledger costs more is the price of being a ledger.
 */
const ANSWER = '{"limite":100000,"saldo":12345678}';
const INIT = { headers: { "content-type": "application/json" } };

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  development: false,
  routes: {
    "/clientes/:id/transacoes": {
      POST: async (request) => {
        const body: unknown = await request.json();
        if (body === null || request.params.id === "") return new Response(null, { status: 422 });
        return new Response(ANSWER, INIT);
      },
    },
  },
  fetch: () => new Response(null, { status: 404 }),
});
console.log(`listens on ${server.url.href.replace(/\/$/, "")}`);
