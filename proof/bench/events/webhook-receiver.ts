/**
 * `webhook-receiver.ts` takes whatever is posted to it, and keeps the bodies. In a process of its own, so that who sends is
 * measured alone. `GET /` tells how much came since it was last told to forget (`DELETE /`), and over how long; `GET /bodies`
 * what came, in order.
 */
interface Receipt {
  readonly count: number;
  /** From the first body to the last one, in milliseconds. */
  readonly milliseconds: number;
}

const BODIES_MAX = 100_000;
let bodies: string[] = [];
let firstAt = 0;
let lastAt = 0;
let count = 0;

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: async (request) => {
    if (request.method === "POST") return take(await request.text());
    if (request.method === "DELETE") return forget();
    if (new URL(request.url).pathname === "/bodies") return Response.json(bodies);
    const receipt: Receipt = { count, milliseconds: lastAt - firstAt };
    return Response.json(receipt);
  },
});
console.log(`listens on http://127.0.0.1:${server.port}`);

function take(body: string): Response {
  lastAt = performance.now();
  if (count === 0) firstAt = lastAt;
  count += 1;
  if (bodies.length < BODIES_MAX) bodies.push(body);
  return new Response(null, { status: 204 });
}

function forget(): Response {
  bodies = [];
  count = 0;
  return new Response(null, { status: 204 });
}
