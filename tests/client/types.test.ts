import { setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { run } from "./support/projects.ts";

setDefaultTimeout(180_000);

const ROOT = join(import.meta.dir, "../..");

test("the client's types are those that the server's document makes", () => {
  run(ROOT, ["node", "scripts/install.mjs", "scripts/client-types"]);
  run(ROOT, [process.execPath, "scripts/client-types/generate.mjs", "--check"]);
});
