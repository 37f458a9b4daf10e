import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { dirname, join, relative } from "node:path";
import { files, importsOf, read, sources } from "../support/repository-files.ts";

/** Where files are: what CONTRIBUTING.md says of it is true. */

setDefaultTimeout(30_000);

const ROOT = join(import.meta.dir, "../..");
const HOUSES = ["src", "proof", "tests", "client", "deploy", "scripts"];
const FILES_MAX = 30;
/** Folders that may hold one file: a migration is added, never changed. */
const GROWS = /\/migrations$/;

const filesByFolder = Map.groupBy(
  files.filter((file) => HOUSES.some((house) => file.startsWith(`${house}/`))),
  (file) => dirname(file),
);

describe("the product knows nothing of its proof", () => {
  const isProof = (path: string): boolean => path.startsWith("proof/") || path.startsWith("tests/");

  test("no file of src imports one of proof or tests", () => {
    const product = sources.filter((file) => file.startsWith("src/") && !file.endsWith(".test.ts"));
    expect(product.length).toBeGreaterThan(90);
    const reaching = product.flatMap((file) =>
      importsOf(file)
        .filter(isProof)
        .map((path) => `${file} -> ${path}`),
    );
    expect(reaching).toEqual([]);
  });

  test("the executable carries none of it", async () => {
    const entry = join(ROOT, "src/cli/binary-main.ts");
    const { metafile } = await Bun.build({
      entrypoints: [entry],
      target: "bun",
      format: "esm",
      metafile: true,
    });
    const inputs = Object.keys(metafile?.inputs ?? {}).map((path) => relative(ROOT, join(ROOT, path)));
    expect(inputs).toContain("src/keep/writer.ts");
    expect(inputs.filter(isProof)).toEqual([]);
  });

  test("nor does a published package, which has no tests either", () => {
    const { stdout } = Bun.spawnSync(["npm", "pack", "--dry-run", "--json"], { cwd: ROOT, stderr: "ignore" });
    const [told]: { files: { path: string }[] }[] = JSON.parse(stdout.toString());
    const packed = told?.files.map(({ path }) => path) ?? [];
    expect(packed).toContain("src/cli/main.ts");
    expect(packed).toContain("deploy/redis.conf");
    expect(packed.filter((path) => isProof(path) || path.endsWith(".test.ts"))).toEqual([]);
  });

  test("and needs nothing that only the proof and the tests depend on", () => {
    const { dependencies } = JSON.parse(read("package.json"));
    const product = sources.filter((file) => file.startsWith("src/") && !file.endsWith(".test.ts"));
    const imported = new Set(
      product.flatMap((file) =>
        [...read(file).matchAll(/from "(@[^/"]+\/[^/"]+|[^./"][^/"]*)/g)].map((match) => String(match[1])),
      ),
    );
    const packages = [...imported].filter((name) => !name.startsWith("node:") && !name.startsWith("bun"));
    expect([...packages, "bun"].toSorted()).toEqual(Object.keys(dependencies).toSorted());
  });
});

describe("folders", () => {
  test("have no more than 30 files", () => {
    const large = [...filesByFolder].filter(([, inside]) => inside.length > FILES_MAX);
    expect(large.map(([folder]) => folder)).toEqual([]);
  });

  test("are there for more than one file", () => {
    const single = [...filesByFolder.keys()].filter((folder) => {
      const inside = files.filter((file) => file.startsWith(`${folder}/`));
      return inside.length === 1 && !GROWS.test(folder);
    });
    expect(single).toEqual([]);
  });

  test("each has its row in CONTRIBUTING, and so has each file beside them", () => {
    const rows = new Set(
      [...read("CONTRIBUTING.md").matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1]),
    );
    const folders = [...filesByFolder.keys()].filter((folder) => !HOUSES.slice(0, 3).includes(folder));
    const beside = HOUSES.slice(0, 3).flatMap((house) => filesByFolder.get(house) ?? []);
    const expected = [
      ...folders.map((folder) => `${folder}/`),
      ...beside.filter((file) => !file.endsWith(".test.ts")),
    ];
    expect(expected.filter((path) => !rows.has(path))).toEqual([]);
    const paths = [...rows].filter((row) => HOUSES.some((house) => row?.startsWith(`${house}/`)));
    expect(paths.filter((path) => !expected.includes(String(path)))).toEqual([]);
  });
});

describe("tests", () => {
  const inTests = files.filter((file) => /^tests\/.*\.ts$/.test(file));

  test("what they share, and nothing else, is in tests/support; what one folder has for itself in its support", () => {
    const misplaced = inTests.filter((file) => {
      if (file.startsWith("tests/support/")) return false;
      return !/\/support\/|\.test\.ts$|-(suite|section)\.ts$|^tests\/model\//.test(file);
    });
    expect(misplaced).toEqual([]);
  });

  test("a support folder serves its own folder only", () => {
    const strangers = inTests.flatMap((file) =>
      importsOf(file)
        .filter(
          (path) => /^tests\/.+\/support\//.test(path) && !file.startsWith(path.replace(/support\/.*$/, "")),
        )
        .map((path) => `${file} -> ${path}`),
    );
    expect(strangers).toEqual([]);
  });
});
