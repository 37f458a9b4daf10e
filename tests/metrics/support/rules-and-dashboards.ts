import { parse } from "yaml";
import { z } from "zod";
import { files, read } from "../../support/repository-files.ts";

export const FOLDER = "deploy/observe";

const ruleFile = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          labels: z.object({ severity: z.enum(["page", "ticket"]) }),
          annotations: z.object({ summary: z.string(), runbook: z.string() }),
        }),
      ),
    }),
  ),
});

export const rules = ruleFile
  .parse(parse(read(`${FOLDER}/rules.yml`)))
  .groups.flatMap((group) => group.rules);

/** Of both kinds of panels. Grafana takes what it does not know for what it does: so nothing else may be there. */
const common = {
  id: z.int().positive(),
  title: z.string().min(1),
  gridPos: z.strictObject({ x: z.int(), y: z.int(), w: z.int().positive(), h: z.int().positive() }),
};
const rowPanel = z.strictObject({
  ...common,
  type: z.literal("row"),
  collapsed: z.literal(false),
  panels: z.array(z.never()),
});
const color = z.enum(["green", "red"]);
const graphPanel = z.strictObject({
  ...common,
  type: z.enum(["timeseries", "stat"]),
  description: z.string().min(1),
  datasource: z.strictObject({ type: z.literal("prometheus"), uid: z.string() }),
  fieldConfig: z.strictObject({
    defaults: z.strictObject({
      // Of Grafana's ids of units, those that are used.
      unit: z.enum(["short", "s", "ops", "reqps", "bytes", "percentunit"]),
      min: z.number().optional(),
      mappings: z
        .array(
          z.strictObject({
            type: z.literal("value"),
            options: z.record(z.string(), z.strictObject({ text: z.string(), color })),
          }),
        )
        .optional(),
      thresholds: z
        .strictObject({
          mode: z.literal("absolute"),
          steps: z.array(z.strictObject({ color, value: z.number().nullable() })),
        })
        .optional(),
    }),
    overrides: z.array(z.never()),
  }),
  options: z.union([
    z.strictObject({
      legend: z.strictObject({
        displayMode: z.literal("list"),
        placement: z.literal("bottom"),
        showLegend: z.literal(true),
      }),
      tooltip: z.strictObject({ mode: z.literal("multi"), sort: z.literal("desc") }),
    }),
    z.strictObject({
      colorMode: z.literal("value"),
      graphMode: z.literal("none"),
      reduceOptions: z.strictObject({
        calcs: z.tuple([z.literal("lastNotNull")]),
        fields: z.literal(""),
        values: z.literal(false),
      }),
      textMode: z.literal("auto"),
    }),
  ]),
  targets: z
    .array(z.strictObject({ refId: z.string(), expr: z.string().min(1), legendFormat: z.string() }))
    .min(1),
});
const dashboard = z.strictObject({
  uid: z.string().regex(/^[a-z-]{1,40}$/),
  title: z.string().min(1),
  schemaVersion: z.literal(38),
  refresh: z.string(),
  time: z.strictObject({ from: z.string(), to: z.string() }),
  tags: z.tuple([z.literal("razonete")]),
  links: z.array(z.looseObject({ type: z.literal("dashboards"), tags: z.tuple([z.literal("razonete")]) })),
  panels: z.array(z.discriminatedUnion("type", [rowPanel, graphPanel])),
});

/** @throws if one is not as Grafana wants it */
export function readDashboards() {
  return files
    .filter((file) => file.startsWith(`${FOLDER}/dashboard-`))
    .map((file) => ({ file, ...dashboard.parse(JSON.parse(read(file))) }));
}

/** What the rules and the panels ask of Prometheus. */
export function asked(): readonly { readonly by: string; readonly expr: string }[] {
  const ofRules = rules.map(({ alert, expr }) => ({ by: alert, expr }));
  const ofPanels = readDashboards().flatMap(({ title: of, panels }) =>
    panels.flatMap((panel) =>
      panel.type === "row" ? [] : panel.targets.map(({ expr }) => ({ by: `${of}: ${panel.title}`, expr })),
    ),
  );
  return [...ofRules, ...ofPanels];
}

/** The series that they are made of: a name each, with what chooses among its series. Not those of Prometheus itself. */
export function selectorsOf(expr: string): string[] {
  return [...expr.matchAll(/\b(?:(?:razonete|process|nats|redis|pg|haproxy)_\w+|up\b)(?:\{[^}]*\})?/g)].map(
    ([selector]) => selector,
  );
}
