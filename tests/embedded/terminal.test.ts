import { expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** What a server inherits from the terminal that started it: ignored signals, and limits. */

failOnLeaks();
setDefaultTimeout(60_000);

test("the end of a terminal stops a server, but not one that was started with nohup", async () => {
  using folder = temporaryFolder();
  {
    await using server = await startServer({ data: folder.path });
    server.signal("SIGHUP");
    expect(await server.ended).toBe(0);
  }
  await using server = await startServer({ data: folder.path, wrapper: ["nohup"] });
  server.signal("SIGHUP");
  // It would have said so at once, and ended after 50 ms.
  await Bun.sleep(500);
  expect((await call(server.url, "GET", "/readyz")).status).toBe(200);
  expect(server.output().stdout).not.toContain("SIGHUP");
  server.signal("SIGTERM");
  expect(await server.ended).toBe(0);
});

test("more connections than files may be open: it says so, once, and when it is over", async () => {
  using folder = temporaryFolder();
  const wrapper = ["sh", "-c", 'ulimit -n 1024; exec "$@"', "sh"];
  await using server = await startServer({ data: folder.path, wrapper });
  const sockets: Socket[] = [];
  try {
    for (let count = 0; count < 1_100; count += 1) {
      sockets.push(connect(server.port, "127.0.0.1").on("error", () => {}));
    }
    const told = (): string => server.output().stderr;
    await eventually("it says so", () => told() !== "", told);
    expect(told()).toBe(
      "razonete: all 1024 files that may be open here are open: new connections wait until others end; " +
        "raise it with ulimit -n.\n",
    );
    for (const socket of sockets) socket.destroy();
    await eventually("it is over", () => told().split("\n").length === 3, told);
    expect(told()).toEndWith("razonete: files can be opened again: new connections are accepted.\n");
    expect((await call(server.url, "GET", "/readyz")).status).toBe(200);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});
