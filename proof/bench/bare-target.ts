import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { environmentOfStack } from "../../src/config.ts";
import { StartError } from "../../src/errors.ts";
import { ensurePrograms } from "../../src/stack/install-servers.ts";
import { freePorts } from "../../src/stack/ports.ts";
import { httpProbe } from "../../src/stack/probes.ts";
import { DEPLOY } from "../../src/stack/process-plan.ts";
import { REQUEST_ID_HEADER } from "../../src/stack/stack-plan.ts";
import type { TargetLocation, BenchTarget } from "./bench-target.ts";

const SERVERS = 2;
const POLL_MILLISECONDS = 20;
const START_MILLISECONDS_MAX = 30_000;

/**
 * The lower bound: as many bare servers as a stack has APIs, also on unix sockets, behind HAProxy with the stack's own
 * configuration. No ledger can cost less behind that balancer.
 *
 * @throws StartError if it does not start
 */
export async function startBareTarget(location: TargetLocation): Promise<BenchTarget> {
  const environment = environmentOfStack().all;
  const { haproxy } = ensurePrograms(["haproxy"], { path: environment["PATH"] ?? "", say: console.error });
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const sockets = Array.from({ length: SERVERS }, (_, index) =>
    join(location.folder, `bare-${index + 1}.sock`),
  );
  const apis = sockets.map((socket, index) => [`HAPROXY_API_${index + 1}`, `unix@${socket}`]);
  const source = fileURLToPath(new URL("bare-server.ts", import.meta.url));
  const start = (command: readonly string[], env: Record<string, string>): Bun.Subprocess =>
    Bun.spawn([...(location.group?.commandPrefix ?? []), ...command], {
      env: { ...environment, ...env },
      stdio: ["ignore", "ignore", Bun.file(join(location.folder, "bare.log"))],
      detached: true,
    });

  // Bun leaves the socket files behind when a signal ends it, and cannot listen on a path that exists.
  for (const socket of sockets) rmSync(socket, { force: true });
  const children = sockets.map((socket, index) => ({
    name: `bare-${index + 1}`,
    child: start([process.execPath, source, socket], {}),
  }));
  children.unshift({
    name: "haproxy",
    child: start([haproxy, "-db", "-f", join(DEPLOY, "haproxy/haproxy.cfg")], {
      HAPROXY_BIND: `127.0.0.1:${port}`,
      REQUEST_ID_HEADER,
      ...Object.fromEntries(apis),
    }),
  });
  const stop = async (): Promise<void> => {
    for (const { child } of children) child.kill("SIGTERM");
    await Promise.all(children.map(({ child }) => child.exited));
  };

  const deadline = performance.now() + START_MILLISECONDS_MAX;
  const probes = [
    httpProbe(`${url}/readyz`),
    ...sockets.map((socket) => httpProbe("http://api/readyz", socket)),
  ];
  for (;;) {
    const reasons = (await Promise.all(probes.map((probe) => probe()))).filter((reason) => reason !== null);
    if (reasons.length === 0) break;
    if (performance.now() > deadline) {
      await stop();
      throw new StartError(`the bare servers do not start: ${reasons.join("; ")}`);
    }
    await Bun.sleep(POLL_MILLISECONDS);
  }
  return {
    name: "bare",
    url,
    processes: () => children.map(({ name, child }) => ({ name, pid: child.pid })),
    settle: () => Promise.resolve(),
    stop,
  };
}
