import { expect, test } from "bun:test";
import { parse } from "yaml";
import { z } from "zod";
import { read } from "../support/repository-files.ts";
import { asked, FOLDER, readDashboards, selectorsOf } from "./support/rules-and-dashboards.ts";

const GRID_WIDTH = 24;

const dashboards = readDashboards();

test("there are two: the ledger, and what it runs on", () => {
  expect(dashboards.map(({ uid }) => uid)).toEqual(["razonete-ledger", "razonete-parts"]);
});

test("panels have numbers and titles of their own, and targets letters", () => {
  for (const { file, panels } of dashboards) {
    const ids = panels.map(({ id }) => id);
    expect([file, new Set(ids).size]).toEqual([file, ids.length]);
    const titles = panels.map(({ title }) => title);
    expect([file, new Set(titles).size]).toEqual([file, titles.length]);
    for (const panel of panels) {
      if (panel.type === "row") continue;
      const letters = panel.targets.map(({ refId }) => refId);
      expect([panel.title, letters]).toEqual([
        panel.title,
        ["A", "B", "C", "D", "E", "F"].slice(0, letters.length),
      ]);
      // A legend that is the same for several lines names none of them.
      const legends = panel.targets.map(({ legendFormat }) => legendFormat);
      expect([panel.title, new Set(legends).size]).toEqual([panel.title, legends.length]);
    }
  }
});

test("panels lie within the grid, none on another, and no line of it is empty", () => {
  for (const { file, panels } of dashboards) {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      const { x, y, w, h } = gridPos;
      expect([title, x >= 0 && y >= 0 && x + w <= GRID_WIDTH]).toEqual([title, true]);
      for (let column = x; column < x + w; column += 1) {
        for (let row = y; row < y + h; row += 1) {
          const place = `${column} ${row}`;
          expect([file, title, taken.get(place)]).toEqual([file, title, undefined]);
          taken.set(place, title);
        }
      }
    }
    const height = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
    for (let row = 0; row < height; row += 1)
      expect([file, row, taken.has(`0 ${row}`)]).toEqual([file, row, true]);
  }
});

test("each is of its kind: a number for now has colors, a line has a legend", () => {
  for (const { panels } of dashboards) {
    for (const panel of panels) {
      if (panel.type === "row") continue;
      const { fieldConfig, options, targets, title, type } = panel;
      expect([title, "reduceOptions" in options]).toEqual([title, type === "stat"]);
      expect([title, fieldConfig.defaults.thresholds !== undefined]).toEqual([title, type === "stat"]);
      if (type === "stat") expect([title, targets.length]).toEqual([title, 1]);
      // The first color counts from nothing on, the others from more and more.
      const [first, ...more] = fieldConfig.defaults.thresholds?.steps.map(({ value }) => value) ?? [null];
      expect([title, first]).toEqual([title, null]);
      const values = more.map(Number);
      expect([title, values]).toEqual([title, values.toSorted((a, b) => a - b)]);
    }
  }
});

test("they ask the source that Grafana is given, and Grafana is given them", () => {
  const { datasources } = z
    .object({ datasources: z.array(z.object({ uid: z.string(), type: z.string() })) })
    .parse(parse(read(`${FOLDER}/grafana.yml`)));
  const [source] = datasources;
  for (const { panels } of dashboards)
    for (const panel of panels)
      if (panel.type !== "row")
        expect(panel.datasource).toEqual({ type: "prometheus", uid: source?.uid ?? "" });
  const { providers } = z
    .object({ providers: z.array(z.object({ options: z.object({ path: z.string() }) })) })
    .parse(parse(read(`${FOLDER}/grafana-dashboards.yml`)));
  const compose = read("docker-compose.yml");
  for (const { file } of dashboards) {
    const beside = file.replace("deploy/observe/dashboard-", "");
    expect(compose).toContain(`- ./${file}:${providers[0]?.options.path}/${beside}:ro\n`);
  }
});

test("docs/observe.md tells of every figure of the ledger that they and the rules ask for", () => {
  const told = read("docs/observe.md");
  const names = new Set(
    asked()
      .flatMap(({ expr }) => selectorsOf(expr))
      .map((each) => each.replace(/\{.*/, "")),
  );
  expect(names.size).toBeGreaterThan(60);
  const own = [...names].filter((name) => name.startsWith("razonete_"));
  const untold = own.filter((name) => {
    const whole = name.replace(/^razonete_/, "");
    return ![whole, whole.replace(/_(?:bucket|sum|count)$/, "")].some((each) => told.includes(`\`${each}`));
  });
  expect(untold).toEqual([]);
});

test("who runs the parts sees which shard does not decide, and what is open between shards", () => {
  const [, parts] = dashboards;
  const shown = parts?.panels.flatMap((panel) =>
    panel.type === "row" ? [] : panel.targets.map(({ expr }) => expr),
  );
  expect(shown).toContain("min by (shard) (razonete_shard_decides)");
  expect(shown).toContain("max by (shard) (razonete_parts_open)");
});
