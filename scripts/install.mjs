// Installs what is missing, once, so that `npm start` and `npm test` are the only commands a newcomer
// needs. Plain Node, no dependency: it runs before there is any. Bun itself comes with the dependencies.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
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
  console.error("Installing dependencies, once (a minute at most) ...");
  // npm names itself to the scripts it runs; outside of npm the one on the PATH serves.
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const flags = ["ci", "--include=dev", "--include=optional", "--loglevel=error"];
  if (!run([...npm, ...flags])) {
    fail(
      "the dependencies could not be installed (npm's own message is above). Check that npm reaches its registry, then try again.",
    );
  }
  // Where npm may not run install scripts, bun's own one, which puts its binary in place, is still due.
  if (!bunRuns() && !(run([process.execPath, join("node_modules", "bun", "install.js")]) && bunRuns())) {
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
  return spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] }).status === 0;
}

function fail(reason) {
  console.error(`razonete: ${reason}`);
  process.exit(1);
}
