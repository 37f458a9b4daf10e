import { expect, test } from "bun:test";
import { join } from "node:path";

/** Opens as many files as it may, and closes them when it has said so. */
const PROGRAM = `
  import { closeSync, openSync } from "node:fs";
  import { watchOpenFiles } from ${JSON.stringify(join(import.meta.dir, "open-files.ts"))};
  const files = [];
  watchOpenFiles((line) => {
    console.log(line);
    for (const file of files.splice(0)) closeSync(file);
    if (line.startsWith("files can be opened again")) process.exit(0);
  });
  try {
    for (;;) files.push(openSync("/dev/null", "r"));
  } catch {}
  // It does not keep a process alive.
  setTimeout(() => process.exit(1), 20_000);
`;

test("no more files may be opened: it says so once, and when it is over", async () => {
  const run = Bun.spawn(["sh", "-c", 'ulimit -n 200; exec "$@"', "sh", process.execPath, "-e", PROGRAM]);
  expect(await run.stdout.text()).toBe(
    "all 200 files that may be open here are open: new connections wait until others end; " +
      "raise it with ulimit -n.\nfiles can be opened again: new connections are accepted.\n",
  );
  expect(await run.exited).toBe(0);
});
