// Are the packages that are installed those of the locks, and is anything known against them? Plain Node.
//
// Every package of every package-lock.json has to have its hash, so that no registry can hand out another one under the
// same name and version, and none may name where it came from. Then npm asks its registry for known vulnerabilities. In what
// runs with the ledger none may be "moderate" or worse, in what only tests and tools use none "high" or worse.
// Without a registry that can be asked, this says so and goes on: the hashes are checked all the same.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folders = process.argv.length > 2 ? process.argv.slice(2) : foldersWithLock();
const LEVELS = ["info", "low", "moderate", "high", "critical"];
const LEVEL_OF = { product: "moderate", tools: "high" };
const SECONDS_MAX = 20;

const faults = [];
let answers = true;
for (const folder of folders) {
  const { packages = {} } = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
  faults.push(...faultsOfLock(folder, packages));
  if (answers) faults.push(...vulnerabilities(folder, packages));
}
if (!answers) {
  console.error(
    "packages: not looked up among known vulnerabilities: npm's registry does not tell now (npm audit).",
  );
}
for (const fault of faults) console.error(`packages: ${fault}`);
process.exit(faults.length === 0 ? 0 : 1);

/** The project, and each tool in scripts/ that has packages of its own. */
function foldersWithLock() {
  const scripts = readdirSync(join(root, "scripts")).map((name) => join(root, "scripts", name));
  return [root, ...scripts].filter((folder) => existsSync(join(folder, "package-lock.json")));
}

function faultsOfLock(folder, packages) {
  return Object.entries(packages).flatMap(([path, { integrity, resolved, link }]) => {
    // The first one is the project itself.
    if (path === "") return [];
    const fault = (what) =>
      `${path} in ${join(folder, "package-lock.json")} ${what}: make the lock anew with npm.`;
    return [
      ...(/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? "") ? [] : [fault("has no hash (sha512)")]),
      ...(resolved === undefined && link === undefined ? [] : [fault("names where it came from")]),
    ];
  });
}

function vulnerabilities(folder, packages) {
  const { stdout } = spawnSync("npm", ["audit", "--json", "--fetch-retries=0"], {
    cwd: folder,
    encoding: "utf8",
    timeout: SECONDS_MAX * 1000,
    maxBuffer: 64 * 1024 * 1024,
  });
  const found = parsed(stdout)?.vulnerabilities;
  if (found === undefined) {
    answers = false;
    return [];
  }
  return Object.values(found).flatMap(({ name, severity, nodes }) => {
    const isTool = nodes.every((path) => packages[path]?.dev || packages[path]?.devOptional);
    const level = isTool ? LEVEL_OF.tools : LEVEL_OF.product;
    if (LEVELS.indexOf(severity) < LEVELS.indexOf(level)) return [];
    return [
      `${name} has a known vulnerability (${severity}): see npm audit in ${folder}, and take a version without it.`,
    ];
  });
}

function parsed(text) {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return null;
  }
}
