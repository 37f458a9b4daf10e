import { appendFileSync, existsSync, writeFileSync } from "node:fs";

/**
 * In place of `razonete api`: answers each request with its own number, and writes down the id that came with it
 * before it answers, as a ledger would. What it reads of the environment is what the stack promises an API.
 */
const socket = process.env["SOCKET"];
const header = process.env["REQUEST_ID_HEADER"] ?? "";
const seen = process.env["STAND_IN_SEEN"];
/** The host in HAProxy's checks. While the file is there they fail, as if the next one were late. */
const CHECK_HOST = "razonete";
const failChecks = `${process.env["RAZONETE_STACK"]}/run/fail-checks`;
let draining = process.env["STAND_IN_NEVER_READY"] !== undefined;

const address =
  socket === undefined
    ? { hostname: process.env["HOST"] ?? "", port: Number(process.env["PORT"]) }
    : { unix: socket };
const server = Bun.serve({
  ...address,
  routes: {
    "/readyz": ({ headers }) => {
      const ready = !draining && !(headers.get("host") === CHECK_HOST && existsSync(failChecks));
      return new Response(ready ? "ready" : "not ready", { status: ready ? 200 : 503 });
    },
  },
  fetch: async (request) => {
    const id = request.headers.get(header) ?? "none";
    const body = await request.text();
    if (seen !== undefined) appendFileSync(seen, `${id} ${body}\n`);
    const { pathname } = new URL(request.url);
    if (pathname === "/unavailable") return new Response("from the API", { status: 503 });
    if (pathname === "/die-once" && firstWith(id)) process.kill(process.pid, "SIGKILL");
    // So that there are always some on their way when it is killed.
    await Bun.sleep(Math.random() * 4);
    return Response.json({ pid: process.pid, id, body });
  },
});

/** Whether no API of this stack has met this id: they share a folder. */
function firstWith(id: string): boolean {
  try {
    writeFileSync(`${process.env["RAZONETE_STACK"]}/run/${id}`, "", { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}

process.on("SIGTERM", () => {
  if (process.env["STAND_IN_STUBBORN"] !== undefined) return;
  draining = true;
  setTimeout(() => {
    server.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  }, Number(process.env["DRAIN_MS"]));
});
