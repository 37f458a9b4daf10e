import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { findChromium, openChromium } from "../support/chromium.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { freePorts } from "../support/servers/free-ports.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import {
  complaintOfExamples,
  complaints,
  makeProject,
  pack,
  run,
  STORY_END,
  typeCheck,
  WRONG,
} from "./support/projects.ts";

/** The package as it would be published: packed, installed into empty projects, and run there against a ledger. */

failOnLeaks();
setDefaultTimeout(180_000);

const ROOT = join(import.meta.dir, "../..");
/** Of all of it, bundled and minified. client/README.md tells it. */
const GZIP_BYTES_MAX = 9000;

const chromium = await findChromium();
if (!chromium.found) console.error(`SKIPPED: the client was not run in a browser: ${chromium.reason}`);

describe("the package", () => {
  let folder: TemporaryFolder;
  let server: RunningServer;
  let tarball: string;
  let project: string;

  beforeAll(async () => {
    folder = temporaryFolder();
    server = await startServer({ data: join(folder.path, "data"), flags: ["--no-initial-accounts"] });
    tarball = pack(folder.path);
    project = join(folder.path, "node");
    makeProject(project, ["npm", "install", "--offline", "--no-audit", "--no-fund", tarball]);
  });

  afterAll(async () => {
    await server.stop();
    folder[Symbol.dispose]();
  });

  test("has what it needs, and nothing else", () => {
    const files = run(folder.path, ["tar", "-tzf", tarball]).trim().split("\n");
    for (const file of ["package.json", "README.md", "LICENSE", "dist/razonete.js", "dist/razonete.d.ts"])
      expect(files).toContain(`package/${file}`);
    expect(
      files.filter(
        (file) => !/^package\/(package\.json|README\.md|LICENSE|dist\/[a-z-]+(\.d\.ts|\.js))$/.test(file),
      ),
    ).toEqual([]);
    const packages = readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith("."));
    expect(packages).toEqual(["razonete-client"]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["bundler", { module: "esnext", moduleResolution: "bundler" }],
    ["node16", { module: "node16", moduleResolution: "node16" }],
    [
      "node16 with the types of Node in place of a browser's",
      {
        module: "node16",
        moduleResolution: "node16",
        lib: ["es2022"],
        types: ["node"],
        typeRoots: [join(ROOT, "node_modules/@types")],
        // Those of Node are not ours to check.
        skipLibCheck: true,
      },
    ],
  ])("type-checks under strict, moduleResolution %s", (_, options) => {
    typeCheck(project, options);
  });

  test("and wrong calls do not", () => {
    const told = complaints(project);
    for (const [index, [, complaint]] of WRONG.entries()) {
      expect(told).toContain(`checked.ts(${index + 2},`);
      expect(told).toContain(complaint);
    }
  });

  test("the examples of its README do", async () => {
    const readme = await Bun.file(join(project, "node_modules/razonete-client/README.md")).text();
    expect(complaintOfExamples(project, readme)).toBe("");
  });

  test("runs in Node", () => {
    typeCheck(project, { module: "node16", moduleResolution: "node16" }, true);
    expect(run(project, ["node", "out/main.js", server.url, "node"]).trim()).toBe(STORY_END);
  });

  test("runs as the README shows it, in ten lines, with the access key that it makes", async () => {
    const readme = await Bun.file(join(ROOT, "README.md")).text();
    const [, create = ""] = /^\$ npm run -s razonete -- (keys create .*)$/m.exec(readme) ?? [];
    const programs = new Map(
      [...readme.matchAll(/^```js\n\/\/ (\S+)\n(.*?)^```$/gms)].map(([, file = "", text = ""]) => [
        file,
        text,
      ]),
    );
    const printed = (file: string) =>
      new RegExp(`^\\$ node ${file}\\n(.*?)^\`\`\`$`, "ms").exec(readme)?.[1] ?? "";
    expect([...programs.keys()]).toEqual(["pay.mjs", "follow.mjs", "hook.mjs"]);
    for (const [file, program] of programs) {
      expect(program.trim().split("\n").length).toBeLessThanOrEqual(10);
      writeFileSync(join(project, file), program);
    }
    const data = join(folder.path, "keyed");
    const razonete = `exec "$0" src/cli/main.ts ${create} --json --data "$1"`;
    const { key }: { key: string } = JSON.parse(run(ROOT, ["sh", "-c", razonete, process.execPath, data]));
    await using keyed = await startServer({ data });
    for (const file of ["pay.mjs", "follow.mjs"]) {
      const program = programs.get(file) ?? "";
      writeFileSync(join(project, file), program.replace("http://127.0.0.1:9999", keyed.url));
      expect(run(project, ["env", `KEY=${key}`, "node", file])).toBe(printed(file));
    }
    await receives(project);
    // Without it nothing is done.
    expect(() => run(project, ["env", "-u", "KEY", "node", "pay.mjs"])).toThrow("key-missing");
  });

  test("runs in Bun, installed by Bun", () => {
    const bun = join(folder.path, "bun");
    makeProject(bun, [process.execPath, "add", tarball]);
    expect(run(bun, [process.execPath, "src/main.ts", server.url, "bun"]).trim()).toBe(STORY_END);
  });

  test("is small", async () => {
    const whole = await bundled(join(project, "node_modules/razonete-client/dist/razonete.js"));
    const bytes = Bun.gzipSync(whole, { level: 9 }).byteLength;
    expect(bytes).toBeLessThan(GZIP_BYTES_MAX);
  });

  test.skipIf(!chromium.found)(
    "runs in a browser, bundled, from the ledger's own origin; from another it gets no answer",
    async () => {
      if (!chromium.found) return;
      const script = await bundled(join(project, "src/page.ts"));
      await using proxy = pageBeside(server.url, script);
      const browser = await openChromium(chromium.path);
      try {
        const page = await browser.context.newPage();
        await page.goto(proxy.url);
        const told = await page.evaluate("story(location.origin, 'browser')");
        expect(told).toBe(STORY_END);
        // Other origins are not answered: client/README.md says what to do instead.
        const direct = `new Razonete({ url: "${server.url}", deadlineMs: 500 }).accounts.open({ unit: "CREDITS" }).outcome()`;
        expect(await page.evaluate(direct)).toMatchObject({ type: "unknown" });
      } finally {
        await browser.close();
      }
    },
  );
});

/** The receiver in Node takes what is signed with its secret, once, and nothing else. */
async function receives(project: string): Promise<void> {
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const [port = 0] = await freePorts(1);
  const environment = ["env", `SECRET=${secret}`, `PORT=${port}`];
  const receiver = Bun.spawn([...environment, "node", "hook.mjs"], { cwd: project });
  try {
    const body = JSON.stringify({ id: "e0-1-0-17", type: "hold.expired", at: "", data: { name: "ação" } });
    const now = new Date();
    const post = async (of: string): Promise<number> => {
      const headers = {
        "webhook-id": "e0-1-0-17",
        "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
        "webhook-signature": new Webhook(of).sign("e0-1-0-17", now, body),
      };
      const { status } = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", headers, body });
      return status;
    };
    const other = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
    await eventually("the receiver listens", async () => (await post(other)) === 401);
    expect(await post(secret)).toBe(204);
  } finally {
    receiver.kill();
  }
  expect(await new Response(receiver.stdout).text()).toBe("hold.expired e0-1-0-17\n");
}

async function bundled(entry: string): Promise<string> {
  const { outputs } = await Bun.build({ entrypoints: [entry], target: "browser", minify: true });
  return (await outputs[0]?.text()) ?? "";
}

/** A page of the ledger's origin: what is under /v1 is handed on to the ledger. */
function pageBeside(ledger: string, script: string): AsyncDisposable & { readonly url: string } {
  const html = '<!doctype html><script type="module" src="/page.js"></script>';
  const proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      if (pathname === "/page.js")
        return new Response(script, { headers: { "content-type": "text/javascript" } });
      if (!pathname.startsWith("/v1/"))
        return new Response(html, { headers: { "content-type": "text/html" } });
      const { method, headers } = request;
      const body = method === "GET" ? null : await request.text();
      return fetch(`${ledger}${pathname}${search}`, { method, headers, body });
    },
  });
  return { url: proxy.url.href, [Symbol.asyncDispose]: () => proxy.stop(true) };
}
