// The tests. `npm test` runs all but the long ones, or those of the files and folders that it is given, as in
// `npm test -- tests/http`. `npm run test:all` runs the long ones as well; with `--only-long` nothing else.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The tests mostly wait for servers, so three workers keep two cores busy. With more, faults would come late. */
const WORKERS = 3;
const LONG = "**/*.long.test.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const args = process.argv.slice(2);
const flag = (name) => {
  const index = args.indexOf(name);
  if (index >= 0) args.splice(index, 1);
  return index >= 0;
};
const [all, onlyLong] = [flag("--all"), flag("--only-long")];

// Of a file's tests that may run at the same time (test.concurrent), at most four do.
const test = [join(root, "node_modules/.bin/bun"), "test", "--timeout", "60000", "--max-concurrency=4"];
if (!onlyLong) {
  run("npm", "run", "--silent", "check");
  const isLongNamed = args.some((arg) => arg.includes(".long."));
  run(...test, `--parallel=${WORKERS}`, ...(isLongNamed ? [] : [`--path-ignore-patterns=${LONG}`]), ...args);
}
// One after the other: they load the machine, or measure it.
if (all || onlyLong) run(...test, ".long.test.ts");

function run(command, ...rest) {
  const { status } = spawnSync(command, rest, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
