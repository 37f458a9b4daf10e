import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface RedisServer {
  readonly url: string;
  readonly pid: number;
  readonly folder: string;
  stop(): Promise<void>;
}

/** A Redis of the test's own, durable as the ledger wants it. */
export async function startRedis(): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "razonete-redis-"));
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const port = probe.port;
  probe.stop();
  const child = Bun.spawn(
    [
      "redis-server",
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--dir",
      folder,
      "--save",
      "",
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
    ],
    { stdout: "ignore", stderr: "ignore" },
  );
  for (;;) {
    const ping = Bun.spawnSync(["redis-cli", "-p", String(port), "ping"]);
    if (ping.stdout.toString().trim() === "PONG") break;
    if (child.exitCode !== null) throw new Error("redis-server did not start");
    await Bun.sleep(20);
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    folder,
    stop: async () => {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true });
    },
  };
}
