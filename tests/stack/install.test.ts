import { expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StartError } from "../../src/errors.ts";
import { ensurePrograms } from "../../src/stack/install-servers.ts";
import { locate, PROGRAM_NAMES, PROGRAMS, type ProgramName } from "../../src/stack/server-programs.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();

const silent = (): void => {};

test("where nothing is missing, nothing is asked or said", () => {
  const programs = ensurePrograms(["redis", "initdb"], {
    path: "",
    say: () => expect.unreachable(),
    find: (name) => `/there/${name}`,
    rootAccess: () => expect.unreachable(),
  });
  expect(programs).toEqual({ redis: "/there/redis", initdb: "/there/initdb" });
});

test("where nothing can be installed, the sentence names each missing package once, and docker compose", () => {
  const missing = (name: ProgramName): string | null => (name === "redis" ? "/there/redis" : null);
  const attempt = (): unknown =>
    ensurePrograms(PROGRAM_NAMES, { path: "", say: silent, find: missing, rootAccess: () => null });
  expect(attempt).toThrow(
    new StartError(
      "servers are missing; their packages on Debian are haproxy nats-server postgresql. Install them (as root: " +
        "apt-get install haproxy nats-server postgresql; other systems have them under similar names), or run the " +
        "same with `docker compose up`.",
    ),
  );
});

test("where they can be, the script gets exactly the missing packages, after the prefix that gives root", () => {
  using folder = temporaryFolder();
  const calls = join(folder.path, "calls");
  const sudo = join(folder.path, "sudo");
  writeFileSync(sudo, `#!/bin/sh\nprintf "%s\\n" "$*" >>"${calls}"\n`);
  chmodSync(sudo, 0o755);
  const said: string[] = [];
  const find = (name: ProgramName): string | null =>
    name === "postgres" || name === "initdb" || existsSync(calls) ? `/there/${name}` : null;
  const programs = ensurePrograms(PROGRAM_NAMES, {
    path: "",
    say: (line) => said.push(line),
    find,
    rootAccess: () => [sudo, "-n"],
  });
  expect(programs.nats).toBe("/there/nats");
  expect(said).toEqual([
    "Installing haproxy, redis-server, nats-server with apt-get, once (a minute or two) ...",
  ]);
  expect(readFileSync(calls, "utf8")).toMatch(
    /^-n sh \S+\/install-servers\.sh haproxy redis-server nats-server\n$/,
  );
});

test("where apt-get fails, its last output is shown", () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "root");
  writeFileSync(root, "#!/bin/sh\necho 'E: no network' >&2\nexit 100\n");
  chmodSync(root, 0o755);
  const attempt = (): unknown =>
    ensurePrograms(["nats"], { path: "", say: silent, find: () => null, rootAccess: () => [root] });
  expect(attempt).toThrow("apt-get could not install nats-server (E: no network): install them by hand");
});

test("a program on the PATH counts before one of the system", () => {
  using folder = temporaryFolder();
  const file = join(folder.path, PROGRAMS.nats.file);
  writeFileSync(file, "#!/bin/sh\n");
  expect(locate("nats", folder.path)).not.toBe(file);
  chmodSync(file, 0o755);
  expect(locate("nats", `/nowhere:${folder.path}`)).toBe(file);
});

test("the script is one that sh takes, and starts no service", () => {
  const script = join(import.meta.dir, "../../src/stack/install-servers.sh");
  expect(Bun.spawnSync(["sh", "-n", script]).exitCode).toBe(0);
  const text = readFileSync(script, "utf8");
  expect(text).toContain("exit 101");
  expect(text).toContain("create_main_cluster = false");
});
