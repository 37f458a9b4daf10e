import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { credentialsOf } from "../../src/stack/credentials.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { call } from "../support/api.ts";
import { commandOf } from "./support/command-of.ts";
import { processesOf, type RunningStack, startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** A stack with nothing in place of anything: who else on the machine could read a password of it, and where. */

failOnLeaks();
setDefaultTimeout(120_000);

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

describe.skipIf(serversMissing !== null)("a stack's secrets", () => {
  const folder = temporaryFolder();
  const data = join(folder.path, "data");
  let stack: RunningStack;
  let secrets: readonly string[];

  beforeAll(async () => {
    stack = await startStack({ data, real: true });
    const operator = readFileSync(join(data, "password"), "utf8").trim();
    secrets = Object.values(credentialsOf(operator));
    const posting = { from: "@world", to: "1", amount: 5 };
    expect((await call(stack.url, "POST", "/v1/transactions", { postings: [posting] })).status).toBe(201);
  });

  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  test("are nine different passwords", () => {
    expect(new Set(secrets).size).toBe(9);
    for (const secret of secrets) expect(secret.length).toBeGreaterThanOrEqual(24);
  });

  test("are on no command line", () => {
    const commands = processesOf(data).map(commandOf);
    expect(commands.length).toBeGreaterThan(6);
    expect(commands.filter((command) => contains(command))).toEqual([]);
  });

  test("are in no log, and not said at the terminal", () => {
    const logs = readdirSync(join(data, "logs"));
    expect(logs).toContain("postgres.log");
    const texts = logs.map((log) => readFileSync(join(data, "logs", log), "utf8"));
    expect([stack.output(), ...texts].filter((text) => contains(text))).toEqual([]);
  });

  test("are in three files, which nobody else may read; what holds data nobody else may enter", () => {
    const wide: string[] = [];
    const secret: string[] = [];
    for (const path of everythingIn(data)) {
      const { mode, isFile } = lookAt(join(data, path));
      // PostgreSQL's folder is its user's, who keeps others out of it. Two files in it are to be read by that user.
      const isOfPostgres = path === "postgres" || path.startsWith("postgres/");
      if (!isOfPostgres && (mode & 0o077) !== 0) wide.push(`${path} ${mode.toString(8)}`);
      if (isFile && contains(readFileSync(join(data, path), "latin1"))) secret.push(path);
    }
    expect(wide).toEqual([]);
    expect(secret.toSorted()).toEqual(["operator.env", "password", "stack.json"]);
    expect([lookAt(data).mode, lookAt(join(data, "postgres")).mode]).toEqual([0o700, 0o700]);
  });

  test("are each enough for the work of its process, and restore and audit have what they need", async () => {
    const { databaseUrl, redisUrl, natsUrl } = stack.description();
    const [, admin = ""] = secrets;
    const as = (url: string): string => {
      const named = new URL(url);
      [named.username, named.password] = ["admin", admin];
      return named.href;
    };
    const env = {
      PATH: process.env["PATH"] ?? "",
      DATABASE_URL: databaseUrl,
      REDIS_URL: as(redisUrl),
      NATS_URL: as(natsUrl),
    };
    for (const [command, said] of [
      [["audit"], "Agreed"],
      [["restore", "--force", "--yes"], "Restored"],
      [["init"], "The ledger is there"],
    ] as const) {
      const child = Bun.spawn([process.execPath, MAIN, ...command], {
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      const [out, errors, code] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      expect([command[0], code, errors]).toEqual([command[0], 0, ""]);
      expect(out).toContain(said);
      expect(contains(out)).toBe(false);
    }
  });

  test("are in no error of a server that refuses them", async () => {
    const { databaseUrl, redisUrl, natsUrl } = stack.description();
    const wrong = (url: string): string => url.replace(/:[^:@]+@/, ":mistyped@");
    for (const wronged of ["DATABASE_URL", "REDIS_URL", "NATS_URL"]) {
      const urls: Record<string, string> = {
        DATABASE_URL: databaseUrl,
        REDIS_URL: redisUrl,
        NATS_URL: natsUrl,
      };
      urls[wronged] = wrong(urls[wronged] ?? "");
      const env = { PATH: process.env["PATH"] ?? "", ...urls };
      const child = Bun.spawn([process.execPath, MAIN, "audit"], { env, stdio: ["ignore", "pipe", "pipe"] });
      const said = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
      expect([wronged, await child.exited]).not.toEqual([wronged, 0]);
      expect(said).toMatch(/password|authoriz|WRONGPASS/i);
      expect(contains(said) || said.includes("mistyped")).toBe(false);
    }
  });

  function contains(text: string): boolean {
    return secrets.some((secret) => text.includes(secret));
  }
});

function everythingIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" });
}

function lookAt(path: string): { mode: number; isFile: boolean } {
  const found = lstatSync(path);
  return { mode: found.mode & 0o777, isFile: found.isFile() };
}
