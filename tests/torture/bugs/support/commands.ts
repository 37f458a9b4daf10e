import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OWN_COMMANDS, type OwnCommands } from "../../../../src/stack/stack-plan.ts";
import type { BugName } from "./bugs.ts";

const PRELOAD = join(import.meta.dir, "preload.ts");
const MAIN = fileURLToPath(new URL("../../../../src/cli/main.ts", import.meta.url));

/** The processes of a stack with this bug built in. Commands that only inspect or repair (audit, restore) are unaltered. */
export function commandsWith(bug: BugName): OwnCommands {
  const command = (name: string): readonly string[] => [
    "/usr/bin/env",
    `RAZONETE_TEST_BUG=${bug}`,
    process.execPath,
    "--preload",
    PRELOAD,
    MAIN,
    name,
  ];
  return { ...OWN_COMMANDS, init: command("init"), api: command("api"), writer: command("writer") };
}
