import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** What is served is what the sources make, and small. */

setDefaultTimeout(60_000);

const ROOT = join(import.meta.dir, "../../..");
const KEPT = join(ROOT, "src/console/dist");
const SCRIPT_BYTES_MAX = 150_000;

test("the built page is what its sources make (else: npm run build-console)", async () => {
  using folder = temporaryFolder("console");
  const made = Bun.spawnSync([process.execPath, join(ROOT, "scripts/build-console.mjs"), folder.path]);
  expect(made.exitCode).toBe(0);
  for (const name of ["console.htm", "console.css", "console.js"]) {
    const fresh = await Bun.file(join(folder.path, name)).text();
    expect([name, (await Bun.file(join(KEPT, name)).text()) === fresh]).toEqual([name, true]);
  }
});

test("its script is small", () => {
  expect(Bun.file(join(KEPT, "console.js")).size).toBeLessThan(SCRIPT_BYTES_MAX);
});

test("it names no other host, and has no style or script of its own in the page", async () => {
  const [html, css, js] = await Promise.all(
    ["console.htm", "console.css", "console.js"].map((name) => Bun.file(join(KEPT, name)).text()),
  );
  expect(html).not.toMatch(/<style|style=|<script(?![^>]* src=)/);
  expect(css).not.toMatch(/url\(|@import/);
  const addresses = new Set(js?.match(/https?:\/\/[\w.]+/g));
  // The names of namespaces, and where a library is from: nothing is loaded from there.
  expect([...addresses].toSorted()).toEqual(["http://www.w3.org", "https://github.com"]);
});
