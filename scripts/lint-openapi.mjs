// Lints the OpenAPI document with Redocly's rules, as a part of `npm run check`. Bun runs it, since it imports TypeScript.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openApiDocument } from "../src/http/openapi/document.ts";

const CONFIG = {
  extends: ["recommended-strict"],
  rules: {
    // The answers to what is no operation are components that no operation refers to.
    "no-unused-components": "off",
  },
  telemetry: "off",
};

const folder = mkdtempSync(join(tmpdir(), "razonete-openapi-"));
try {
  const [document, config] = [join(folder, "openapi.json"), join(folder, "redocly.yaml")];
  writeFileSync(document, JSON.stringify(openApiDocument(), null, 1));
  writeFileSync(config, JSON.stringify(CONFIG));
  const redocly = join(import.meta.dirname, "../node_modules/@redocly/cli/bin/cli.js");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--no-env-file", "--config=/dev/null", redocly, "lint", `--config=${config}`, document],
    {
      encoding: "utf8",
      env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    },
  );
  if (status !== 0) console.error(stdout + stderr);
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
