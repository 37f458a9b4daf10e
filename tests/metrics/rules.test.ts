import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { read } from "../support/repository-files.ts";
import { observersMissing, promtool } from "./support/observer-programs.ts";
import { asInTests, LOOK_SECONDS_IN_TESTS } from "./support/alerts.ts";
import { FOLDER, rules } from "./support/rules-and-dashboards.ts";

setDefaultTimeout(60_000);

const path = (file: string): string => join(import.meta.dir, "../..", FOLDER, file);

const names = rules.map(({ alert }) => alert);

describe.skipIf(observersMissing !== null)("the rules", () => {
  test("are rules, and Prometheus takes its configuration", () => {
    for (const args of [
      ["check", "rules", path("rules.yml")],
      ["check", "config", path("prometheus.yml")],
    ]) {
      const { exitCode, stderr } = promtool(...args);
      expect([exitCode, stderr.toString()]).toEqual([0, ""]);
    }
  });

  test("fire when their time has come, and not before", () => {
    const { exitCode, stdout } = promtool("test", "rules", path("rules.test.yml"));
    expect([exitCode, stdout.toString()]).toEqual([0, expect.stringContaining("SUCCESS")]);
  });

  test("each is tried there, and on the day when nothing is wrong", () => {
    const tried = z
      .object({
        tests: z.array(
          z.object({
            alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })),
          }),
        ),
      })
      .parse(parse(read(`${FOLDER}/rules.test.yml`))).tests;
    const firing = tried.flatMap(({ alert_rule_test: all }) =>
      all.filter((one) => one.exp_alerts.length > 0),
    );
    expect(new Set(firing.map(({ alertname }) => alertname))).toEqual(new Set(names));
    const quiet = tried.at(-1)?.alert_rule_test.map(({ alertname }) => alertname);
    expect(new Set(quiet)).toEqual(new Set(names));
  });
});

test("each alert has its paragraph in docs/operations.md, and no other has", () => {
  const [, section = ""] = /\n## Alerts\n([^]*?)(?=\n## |$(?![^]))/.exec(read("docs/operations.md")) ?? [];
  const paragraphs = section
    .split("\n### ")
    .slice(1)
    .map((paragraph) => /^(\w+)\n\n([^]+)$/.exec(paragraph) ?? []);
  expect(new Set(paragraphs.map(([, name]) => String(name)))).toEqual(new Set(names));
  for (const [, name, text = ""] of paragraphs)
    expect([name, text]).toEqual([name, expect.stringContaining("_Do_")]);
  for (const { alert, annotations } of rules)
    expect(annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`);
});

test("a test's waits are as many looks, but ten seconds at most, and its late requests later", () => {
  expect(asInTests("for: 5m\nfor: 15s\nfor: 10s\nrate(a[2m])")).toBe(
    "for: 10s\nfor: 6s\nfor: 4s\nrate(a[12s])",
  );
  const made = asInTests(read(`${FOLDER}/rules.yml`));
  expect(made).toContain("[12s]))) > 0.5\n");
  expect(made).not.toContain("> 0.25");
  // No look at a bad moment is an alert.
  const waits = [...made.matchAll(/for: (\d+)s/g)].map(([, seconds]) => Number(seconds));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(2 * LOOK_SECONDS_IN_TESTS);
});
