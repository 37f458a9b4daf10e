import { readdirSync } from "node:fs";
import packageJson from "../../package.json" with { type: "json" };
import { type Metrics, one } from "./registry.ts";

/** When this process began, in seconds since 1970. */
const STARTED_AT = Date.now() / 1000 - process.uptime();

/** Of any process: by the names that Prometheus's own libraries give them. (prom-client's own need what Bun lacks.) */
export function addProcess(metrics: Metrics): void {
  metrics.addAs("process_cpu_seconds_total", "counter", "CPU time that the process has used.", () => {
    const { user, system } = process.cpuUsage();
    return one((user + system) / 1e6);
  });
  metrics.addAs("process_resident_memory_bytes", "gauge", "Memory that the process holds.", () =>
    one(process.memoryUsage.rss()),
  );
  metrics.addAs("process_start_time_seconds", "gauge", "When the process began, since 1970.", () =>
    one(STARTED_AT),
  );
  metrics.addAs("process_open_fds", "gauge", "Files and sockets that are open.", () => {
    const count = openFiles();
    return count === null ? [] : one(count);
  });
  metrics.add("gauge", "build_info", "The program's version; always 1.", () => [
    { value: 1, labels: { version: packageJson.version } },
  ]);
}

/** `null` on a system that does not tell. */
function openFiles(): number | null {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return null;
  }
}
