import { appendFileSync } from "node:fs";

/**
 * In place of `razonete api`: answers each request with its own number, and writes down the id that came with it
 * before it answers, as a ledger would. What it reads of the environment is what the stack promises an API.
 */
const socket = process.env["SOCKET"];
const header = process.env["REQUEST_ID_HEADER"] ?? "";
const seen = process.env["STAND_IN_SEEN"];
let draining = false;

const address =
  socket === undefined
    ? { hostname: process.env["HOST"] ?? "", port: Number(process.env["PORT"]) }
    : { unix: socket };
const server = Bun.serve({
  ...address,
  routes: {
    "/readyz": () => new Response(draining ? "draining" : "ready", { status: draining ? 503 : 200 }),
  },
  fetch: async (request) => {
    const id = request.headers.get(header) ?? "none";
    const body = await request.text();
    if (seen !== undefined) appendFileSync(seen, `${id} ${body}\n`);
    // So that there are always some on their way when it is killed.
    await Bun.sleep(Math.random() * 4);
    return Response.json({ pid: process.pid, id });
  },
});

process.on("SIGTERM", () => {
  draining = true;
  setTimeout(() => {
    server.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  }, Number(process.env["DRAIN_MS"]));
});
