import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { type RunningStack, stackToTheEnd, startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { linesOf } from "./support/log-lines.ts";

failOnLeaks();
setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)("razonete stack --log-format json", () => {
  let folder: TemporaryFolder;
  let stack: RunningStack;
  beforeAll(async () => {
    folder = temporaryFolder();
    stack = await startStack({
      data: join(folder.path, "data"),
      real: true,
      flags: ["--log-format", "json"],
    });
  });
  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    folder?.[Symbol.dispose]();
  });

  test("is told by its own processes and by itself alike, and answers tell their id", async () => {
    const answer = await fetch(`${stack.url}/v1/accounts/1`);
    expect(answer.headers.get("request-id")).toMatch(/^[0-9a-f-]{36}$/);
    const killed = stack.pid("api-1");
    process.kill(killed, "SIGKILL");
    await eventually("it is started again", () => stack.pid("api-1") !== killed);
    await stack.settled();
    const logs = ["init", "api-1", "api-2", "writer-1"].map(
      (name) =>
        [
          name.replace(/-\d$/, ""),
          linesOf(readFileSync(join(stack.data, "logs", `${name}.log`), "utf8")),
        ] as const,
    );
    for (const [name, lines] of logs) {
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.filter(({ program }) => program !== `razonete ${name}`)).toEqual([]);
    }
    expect(await stack.stop()).toBe(0);
    const own = linesOf(stack.output());
    expect(new Set(own.map(({ program }) => program))).toEqual(new Set(["razonete stack"]));
    // The start is one object; what people are told to try is not among them.
    const listening = own.findIndex(({ message }) => message === "listening");
    expect(own[listening]).toMatchObject({ level: "info", url: stack.url, data: stack.data });
    expect(own.filter(({ message }) => /curl|^\s|Ctrl-C/.test(message))).toEqual([]);
    expect(own).toContainEqual(
      expect.objectContaining({
        process: "api-1",
        message: expect.stringMatching(/started again|next start in/),
      }),
    );
    expect(own.at(-1)?.message).toBe("Stopped.");
    expect(stack.output()).not.toContain(readFileSync(join(stack.data, "password"), "utf8").trim());
  });

  test("says in the same form why it does not start", async () => {
    const flags = ["--log-format", "json", "--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key"];
    const { code, output } = await stackToTheEnd({ data: join(folder.path, "other"), real: true, flags });
    const [line, ...more] = linesOf(output);
    expect(line?.message).toContain("/nowhere.pem");
    expect([code, line, more]).toMatchObject([1, { level: "alarm", program: "razonete stack" }, []]);
  });
});
