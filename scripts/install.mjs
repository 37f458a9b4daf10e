// Installs what is missing, once, so that `npm start` and `npm test` are the only commands a newcomer
// needs. Plain Node, no dependency: it runs before there is any. Bun itself comes with the dependencies.
// `node scripts/install.mjs <folder>` does the same for a tool that has dependencies of its own there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const tool = process.argv[2];
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..", tool ?? ".");
const bun = join(root, "node_modules", ".bin", "bun");
const stamp = join(root, "node_modules", ".razonete-installed");
const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .update(`${process.platform}-${process.arch}`)
  .digest("hex");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
  install();
  writeFileSync(stamp, wanted);
}

function install() {
  const whose = tool === undefined ? "" : ` of ${tool}`;
  console.error(`Installing dependencies${whose}, once (a minute at most) ...`);
  // Whatever runs a script names itself in npm_execpath: npm, but also pnpm, yarn and bun, which know no `ci`, and may be
  // no JavaScript. The lock is npm's, so npm installs: the one that runs this, or else the one on the PATH.
  const caller = process.env.npm_execpath ?? "";
  const npm = basename(caller) === "npm-cli.js" ? [process.execPath, caller] : ["npm"];
  const flags = ["ci", "--include=dev", "--include=optional", "--loglevel=error"];
  const { status, error } = run([...npm, ...flags]);
  if (error !== undefined) {
    fail(
      `npm, which installs the dependencies, could not be started (${error.message}). It comes with Node.js: put it on the PATH, then try again.`,
    );
  }
  if (status !== 0) {
    fail(
      "the dependencies could not be installed (npm's own message is above). Check that npm reaches its registry, then try again.",
    );
  }
  // Where npm may not run install scripts, bun's own one, which puts its binary in place, is still due.
  if (
    tool === undefined &&
    !bunRuns() &&
    !(run([process.execPath, join("node_modules", "bun", "install.js")]).status === 0 && bunRuns())
  ) {
    fail(
      `Bun does not run on this machine (${process.platform} ${process.arch}). Linux and macOS on x64 or arm64 are supported.`,
    );
  }
}

function bunRuns() {
  return spawnSync(bun, ["--version"], { stdio: "ignore" }).status === 0;
}

function run([command, ...args]) {
  // npm's own report goes to stderr: the standard output belongs to the command that comes after.
  return spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
}

function fail(reason) {
  console.error(`razonete: ${reason}`);
  process.exit(1);
}
