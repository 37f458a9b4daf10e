import { expect, setDefaultTimeout, test } from "bun:test";
import { call } from "../support/api.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** What a server inherits from the terminal that started it: ignored signals. */

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
