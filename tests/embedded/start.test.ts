import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call } from "../support/api.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { expectRefusal, startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

describe("a start that cannot be", () => {
  test("two processes on one file: the second one says so, the first one goes on", async () => {
    using folder = temporaryFolder();
    using elsewhere = temporaryFolder();
    await using server = await startServer({ data: folder.path });
    await expectRefusal({ data: folder.path }, /in use by another process/);
    // Another name of the folder is the same folder.
    const link = join(elsewhere.path, "link");
    symlinkSync(folder.path, link);
    await expectRefusal({ data: link }, /in use/);
    const body = { valor: 1, tipo: "c", descricao: "still" };
    expect((await call(server.url, "POST", "/clientes/1/transacoes", body)).status).toBe(200);
    await server.kill();
    // The lock ends with its process, however that ended.
    await using next = await startServer({ data: folder.path });
    expect((await call(next.url, "GET", "/v1/accounts/1")).body).toMatchObject({ balance: 1 });
  });

  test("a port in use", async () => {
    using folder = temporaryFolder();
    using second = temporaryFolder();
    await using server = await startServer({ data: folder.path });
    await expectRefusal(
      { data: second.path, port: server.port },
      /port \d+ is in use: .* \(it comes from --port\)/,
    );
    await using other = await startServer({ data: second.path });
    expect((await call(other.url, "GET", "/readyz")).status).toBe(200);
  });

  test("a folder that cannot be", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "file");
    writeFileSync(file, "");
    // Who runs the tests may be root, whom no permission stops; but nobody makes a folder under a file.
    await expectRefusal({ data: join(file, "below") }, /data folder .* cannot be created/);
    await expectRefusal({ data: file }, /data folder .* cannot be created/);
    mkdirSync(join(folder.path, "data", "razonete.db"), { recursive: true });
    await expectRefusal({ data: join(folder.path, "data") }, /is not a file/);
  });

  test("too few open files", async () => {
    using folder = temporaryFolder();
    const wrapper = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"];
    await expectRefusal({ data: folder.path, wrapper }, /only 64 files may be open here, and it needs 1024/);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("settings that are wrong: one sentence that names them all", async () => {
    using folder = temporaryFolder();
    const environment = { DRAIN_MS: "soon" };
    await expectRefusal(
      { data: folder.path, port: 65_536, environment },
      /--port must .*; the variable DRAIN_MS must /,
    );
  });

  test("an empty flag is not the current folder, nor all addresses", async () => {
    using folder = temporaryFolder();
    await expectRefusal({ data: "" }, /--data is empty/);
    await expectRefusal({ data: folder.path, flags: ["--host", ""] }, /--host is empty/);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("a HOST that something else exported: the sentence names it", async () => {
    using folder = temporaryFolder();
    const environment = { HOST: "x86_64-conda-linux-gnu" };
    const about =
      /no address of this machine has that name\).*the host comes from the variable HOST, the port from --port/;
    await expectRefusal({ data: folder.path, environment }, about);
  });
});

describe("who can reach it is said at the start", () => {
  const WARNING =
    /Other machines can reach it: its host, (\S+), comes from (.+)\.\nOpen, as it was told: .* whoever reaches it can/;

  for (const [host, said] of [
    ["0.0.0.0", true],
    ["0", true],
    ["::", true],
    ["127.0.0.2", false],
    ["localhost", false],
  ] as const) {
    test(`${host}: ${said ? "other machines" : "only this one"}`, async () => {
      using folder = temporaryFolder();
      await using byVariable = await startServer({
        data: join(folder.path, "a"),
        environment: { HOST: host, OPEN: "1" },
      });
      await using byFlag = await startServer({
        data: join(folder.path, "b"),
        flags: ["--host", host, "--open"],
      });
      await Promise.all([byVariable.stop(), byFlag.stop()]);
      const warnings = [byVariable, byFlag].map((server) => WARNING.exec(server.output().stdout)?.slice(1));
      expect(warnings).toEqual(
        said
          ? [
              [host, "the variable HOST"],
              [host, "--host"],
            ]
          : [undefined, undefined],
      );
    });
  }
});

test("where the API can be read and tried is said at the start, once, and it is there", async () => {
  using folder = temporaryFolder();
  await using server = await startServer({ data: folder.path });
  const page = await fetch(`${server.url}/docs`);
  expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  await server.stop();
  expect(server.output().stdout.split("/docs")).toHaveLength(2);
  expect(server.output().stdout).toContain(`: ${server.url}/docs\n`);
});
