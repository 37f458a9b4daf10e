import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";

/** `load-client.ts <port> <ca>`: asks until SIGTERM, and prints a line for each request: "ok", or why it failed. */
const [port = "", ca = ""] = process.argv.slice(2);
const CLIENTS_OF_EACH_KIND = 4;
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());

function ask(agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path: "/readyz", agent }, (answer) => {
      answer.resume();
      answer.once("end", () => resolve(answer.statusCode === 200 ? "ok" : `status ${answer.statusCode}`));
      answer.once("error", (error) => resolve(`the answer broke off: ${error.message}`));
    });
    asked.once("error", (error) => resolve(String(error)));
    asked.end();
  });
}

async function client(keepAlive: boolean): Promise<void> {
  const agent = new Agent({ keepAlive, maxSockets: 1, ca: readFileSync(ca), maxCachedSessions: 0 });
  while (!stop.signal.aborted) console.log(await ask(agent));
  agent.destroy();
}

await Promise.all(
  Array.from({ length: 2 * CLIENTS_OF_EACH_KIND }, (_, index) => client(index < CLIENTS_OF_EACH_KIND)),
);
