import { fileURLToPath } from "node:url";
import { z } from "zod";
import { listenForStop } from "../../../src/cli/stop-signals.ts";
import { StartError } from "../../../src/errors.ts";
import { runStack } from "../../../src/stack/run-stack.ts";

/** A stack with real servers and stand-ins for our own processes: `stand-in-stack.ts <data> <port> <fresh> <form>`. */
const [data = "", port = "0", fresh = "no", form = "{}"] = process.argv.slice(2);
/** As `--shards`, `--replicas` and `--redis-nodes` say. */
const { shards, replicas, redisNodes } = z
  .object({ shards: z.int(), replicas: z.int(), redisNodes: z.int() })
  .partial()
  .parse(JSON.parse(form));
const commandOf = (name: string): string[] => [
  process.execPath,
  fileURLToPath(new URL(`./stand-in-${name}.ts`, import.meta.url)),
];
/** What HAProxy is told beside what every stack tells it. */
const OF_HAPROXY = ["HAPROXY_ROUND_ROBIN", "HAPROXY_SHARDS", "HAPROXY_APIS"];
const signals = listenForStop((signal) => console.log(`${signal}: stopping`));
try {
  await runStack(
    {
      data,
      port: Number(port),
      fresh: fresh === "fresh",
      apis: 2,
      writers: 1,
      ...(shards === undefined ? {} : { shards }),
      ...(replicas === undefined ? {} : { replicas }),
      ...(redisNodes === undefined ? {} : { redisNodes }),
      environment: {
        PATH: process.env["PATH"] ?? "",
        ...Object.fromEntries(
          OF_HAPROXY.flatMap((name) => {
            const value = process.env[name];
            return value ? [[name, value]] : [];
          }),
        ),
      },
      ownEnvironment: Object.fromEntries(
        Object.entries(process.env).flatMap(([name, value]) =>
          name.startsWith("STAND_IN_") && value !== undefined ? [[name, value]] : [],
        ),
      ),
      own: {
        api: commandOf("api"),
        writer: commandOf("writer"),
        init: commandOf("init"),
        restore: [],
        dispatch: [],
        console: [],
      },
      restoreCommand: "npm run stack -- --restore",
      say: (line) => console.log(line),
    },
    signals,
  );
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(error.message);
  process.exit(1);
}
process.exit(0);
