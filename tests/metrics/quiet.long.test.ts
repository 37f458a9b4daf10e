import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { TestCa } from "../support/servers/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startMixedTraffic } from "./support/mixed-traffic.ts";
import { ObservedCluster } from "./support/observed-cluster.ts";
import { observersMissing } from "./support/observer-programs.ts";
import { record, replay } from "./support/replay.ts";
import { FOLDER, rules, selectorsOf } from "./support/rules-and-dashboards.ts";

failOnLeaks();
setDefaultTimeout(300_000);

const LOAD_SECONDS = 75;
/** Of each kind of request: enough to be a load, and little enough for a machine that others use. */
const EACH_MIN = 10;
const REPLAYED_MINUTES = 30;
/** Told where Redis is several nodes. */
const OF_NODES = "razonete_shard_decides";

test.skipIf((serversMissing ?? observersMissing) !== null)(
  "no alert fires under load where nothing is wrong: not with short waits, nor where that goes on for half an hour",
  async () => {
    using folder = temporaryFolder();
    const ca = new TestCa(folder.path, "quiet");
    await using system = await ObservedCluster.start({
      apis: 2,
      writers: 2,
      others: ["dispatch"],
      environment: { WEBHOOK_INNER: "allow", METRICS_CERTIFICATE: ca.issue("DNS:localhost", 300).cert },
      durable: true,
    });
    const { cluster, alerts, prometheusUrl } = system;
    expect(cluster.run("audit").exitCode).toBe(0);
    alerts.forget();
    const traffic = await startMixedTraffic(cluster.url);
    await Bun.sleep(LOAD_SECONDS * 1_000);
    const names = [
      ...new Set(rules.flatMap(({ expr }) => selectorsOf(expr)).map((each) => each.replace(/\{.*/, ""))),
    ];
    const recording = await record(prometheusUrl, names, LOAD_SECONDS - 15);
    await traffic.stop();
    alerts.holdsNoOther("none", []);

    // There was a load.
    for (const [path, count] of traffic.answered)
      if (path !== "/v1/webhooks") expect([path, count > EACH_MIN]).toEqual([path, true]);
    expect(traffic.delivered).toBeGreaterThan(EACH_MIN);
    expect(traffic.told).toBeGreaterThan(EACH_MIN);
    const recorded = new Set(recording.series.map(({ name }) => name));
    expect(names.filter((name) => !recorded.has(name))).toEqual([OF_NODES]);

    const long = { minutes: REPLAYED_MINUTES, folder: folder.path };
    const rulesFile = join(import.meta.dir, "../..", FOLDER, "rules.yml");
    const all = rules.map(({ alert }) => alert);
    expect(replay(recording, { ...long, rulesFile, alerts: all })).toBe("");

    // Rules that are too eager, which the load alone is too short to show: the one adds up, the other waits.
    const requests = [...traffic.answered.values()].reduce((sum, count) => sum + count, 0);
    const eager = [
      {
        alert: "AddsUp",
        expr: `sum(increase(razonete_http_duration_seconds_count[20m])) > ${5 * requests}`,
      },
      { alert: "Waits", expr: "max(razonete_webhook_failing) == 0", for: "10m" },
    ];
    const eagerFile = join(folder.path, "eager.yml");
    writeFileSync(eagerFile, JSON.stringify({ groups: [{ name: "eager", rules: eager }] }));
    const told = replay(recording, {
      ...long,
      rulesFile: eagerFile,
      alerts: eager.map(({ alert }) => alert),
    });
    for (const { alert } of eager) expect(told).toContain(`alertname: ${alert},`);
  },
);
