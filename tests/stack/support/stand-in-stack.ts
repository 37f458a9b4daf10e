import { fileURLToPath } from "node:url";
import { StartError } from "../../../src/start-error.ts";
import { runStack } from "../../../src/stack/run-stack.ts";

/** A stack with real servers and stand-ins for our own processes: `stand-in-stack.ts <data> <port> <fresh>`. */
const [data = "", port = "0", fresh = "no"] = process.argv.slice(2);
const commandOf = (name: string): string[] => [
  process.execPath,
  fileURLToPath(new URL(`./stand-in-${name}.ts`, import.meta.url)),
];
const stop = new AbortController();
const kill = new AbortController();
process.on("SIGTERM", () => (stop.signal.aborted ? kill.abort() : stop.abort()));
try {
  await runStack(
    {
      data,
      port: Number(port),
      fresh: fresh === "fresh",
      apis: 2,
      writers: 1,
      environment: { PATH: process.env["PATH"] ?? "" },
      ownEnvironment: { STAND_IN_SEEN: process.env["STAND_IN_SEEN"] ?? "/dev/null" },
      own: { api: commandOf("api"), writer: commandOf("writer"), init: commandOf("init") },
      say: (line) => console.log(line),
    },
    { stop: stop.signal, kill: kill.signal },
  );
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(error.message);
  process.exit(1);
}
process.exit(0);
