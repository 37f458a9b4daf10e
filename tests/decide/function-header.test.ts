import { readFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { FUNCTION_VERSION } from "../../src/decide/fence.ts";
import { headKey } from "../../src/decide/redis-client.ts";
import { bounds } from "../../src/bounds.ts";
import { argumentsOf } from "../../src/decide/function-codec.ts";

/** The comment at the head of the functions is their contract: here their body is held to it, and the program to both. */

/** Without the rules, which are compiled. */
const functions = functionLibrary.slice(functionLibrary.indexOf("--[["));

const end = functions.indexOf("]]");
const header = functions.slice(functions.indexOf("--[["), end);
const body = functions
  .slice(end)
  .split("\n")
  .map((line) => line.replace(/--.*$/, ""))
  .join("\n");

/** The head's paragraph on a function. */
function paragraph(name: string): string {
  const found = header.split(/\n\n/).find((text) => text.startsWith(`${name} `));
  if (found === undefined) throw new Error(`the head does not describe ${name}`);
  return found;
}

/** The text of a local function of the body. */
function local(name: string): string {
  const found = new RegExp(`^local function ${name}\\b[^]*?^end$`, "m").exec(body)?.[0];
  if (found === undefined) throw new Error(`there is no function ${name}`);
  return found;
}

/** A local function and all that it calls. */
function reach(name: string, seen = new Set<string>()): string {
  seen.add(name);
  const text = local(name);
  const called = [...body.matchAll(/^local function (\w+)/gm)]
    .map((match) => String(match[1]))
    .filter((other) => !seen.has(other) && new RegExp(`\\b${other}\\(`).test(text));
  return [text, ...called.map((other) => reach(other, seen))].join("\n");
}

const unique = (texts: Iterable<string | undefined>) => [...new Set([...texts].map(String))].toSorted();

describe("the head of the functions and their body", () => {
  const registered = [
    ...body.matchAll(
      /register_function \{ function_name = '(\w+)', callback = (\w+)(?:, flags = \{ ([^}]*) \})? \}/g,
    ),
  ].map(([, name = "", callback = "", flags = ""]) => ({ name, callback, flags }));

  test("describe the same functions, and only the reads are registered as such", () => {
    const described = [...header.matchAll(/^(razonete_\w+) /gm)].map((match) => match[1]);
    expect(registered.map(({ name }) => name)).toEqual(described.map(String));
    expect(body.match(/register_function/g)).toHaveLength(registered.length);
    expect(Object.fromEntries(registered.map(({ name, flags }) => [name, flags]))).toEqual({
      razonete_apply: "",
      razonete_recall: "'no-writes'",
      razonete_read: "'no-writes'",
      razonete_sweep: "'allow-oom'",
      razonete_status: "'no-writes'",
      razonete_lost: "",
      razonete_found: "",
      razonete_begin: "",
      razonete_load: "",
    });
  });

  test("name the same keys", () => {
    const described = [...header.matchAll(/^ {2}razonete:\{s\}:(\w+)/gm)].map((match) => match[1]);
    // The head is KEYS[1]; every other key is its prefix and a name; ids bear the name of theirs.
    const named = [...body.matchAll(/prefix \.\. '(\w+):?'|'(outbox)'/g)].map(
      (match) => match[1] ?? match[2],
    );
    expect(unique([...named, "head", "key"])).toEqual(unique(described));
    expect(unique([...body.matchAll(/\.\. (id)\b/g)].map((match) => match[1]))).toEqual(["id"]);
  });

  test("name the same fields of the head", () => {
    const fieldsOf = (key: string) =>
      (new RegExp(`razonete:\\{s\\}:${key} +hash +((?:.*\\n?)(?: {31}.*\\n?)*)`).exec(header)?.[1] ?? "")
        .replaceAll(/\([^)]*\)/g, "")
        .split(",")
        .map((field) => field.trim())
        .filter((field) => field !== "");
    const used = (pattern: RegExp) =>
      unique(
        [...body.matchAll(pattern)].flatMap((match) =>
          [...String(match[1]).matchAll(/'([a-z]+)'/g)].map((field) => field[1]),
        ),
      );
    expect(used(/redis\.call\('(?:HMGET|HSET)', head,([^)]*)/g)).toEqual(unique(fieldsOf("head")));
  });

  test("name the same errors of each function", () => {
    for (const { name, callback } of registered) {
      // It calls apply, as one that decides nothing; function-checks.test.ts runs it.
      if (callback === "recall_only") continue;
      const described = /ERRORS ([^:\n]*)/.exec(paragraph(name))?.[1]?.trim().split(", ");
      const raised = [...reach(callback).matchAll(/error_reply\('([A-Z]+) /g)].map((match) => match[1]);
      expect(unique(raised)).toEqual(unique(described ?? []));
    }
  });

  test("lay the arguments out in the same way", () => {
    const list = (name: string) => /ARGV {3}([^]*?)\n {2}REPLY/.exec(paragraph(name))?.[1] ?? "";
    const fields = (text: string) => text.split(",").map((field) => field.trim());

    const [fixed = "", each = ""] = list("razonete_apply").split(", then for each command six: ");
    const names = fields(each.split("\n")[0] ?? "");
    expect(fields(fixed)).toEqual(["epoch", "g_min", "outbox_max"]);
    expect(names).toEqual(["kind", "id", "account", "amount", "content", "text"]);
    expect(body).toContain(`local FIELDS = ${names.length}\n`);
    expect(local("apply")).toContain(`for at = ${fields(fixed).length + 1}, #argv, FIELDS do`);
    for (const reader of ["read_rows", "recall"])
      expect(local(reader)).toContain(`for at = ${fields(fixed).length + 1}, #argv, FIELDS do`);
    expect(local("apply").replaceAll(/\s+/g, " ")).toContain(
      "local kind, id, account_id, amount, content, text = argv[at], argv[at + 1], argv[at + 2], argv[at + 3], argv[at + 4], argv[at + 5]",
    );

    const reading = list("razonete_read").replace(/\([^)]*\)/, "");
    expect(fields(reading)).toEqual(["epoch", "g_min", "then for each account two: what", "account"]);
    expect(local("read")).toContain("for at = 3, #argv, 2 do");

    expect(list("razonete_lost")).toMatch(/^epoch, g of that batch, kept /);
    expect(local("lost").match(/argv\[\d\]/g)).toEqual(["argv[1]", "argv[2]", "argv[3]"]);

    // Each item is as long as it is described to be.
    const items = [...list("razonete_load").matchAll(/^ +([askr]), ([a-z, ]*[a-z])/gm)];
    const lengths = Object.fromEntries(
      items.map(([, what = "", rest = ""]) => [what, fields(rest).length + 1]),
    );
    expect(lengths).toMatchObject({ a: 4, k: 5, r: 3 });
    for (const what of ["a", "k", "r"]) expect(local("load_items")).toContain(`at = at + ${lengths[what]}\n`);

    expect(list("razonete_status")).toBe("none");
    expect(local("status")).not.toContain("argv");

    const begin = fields(list("razonete_begin"));
    expect(begin).toEqual(["epoch", "shards", "g", "then for each account two: id", "row"]);
    expect(local("begin").match(/for at = 4, #argv, 2 do/g)).toHaveLength(2);
    expect(local("begin")).toContain(
      "'epoch', argv[1], 'version', VERSION, 'shards', argv[2], 'g', argv[3])",
    );
  });

  test("reads call nothing that writes", () => {
    for (const { callback, flags } of registered) {
      if (callback === "recall_only") continue;
      const writes = /redis\.call\('(HSET|HDEL|SET|MSET|ZADD|XADD|EXPIRE|ZREMRANGEBYRANK|DEL|UNLINK)'/.test(
        reach(callback),
      );
      expect({ callback, writes }).toEqual({ callback, writes: flags !== "'no-writes'" });
    }
  });

  test("say for how long ids are remembered", () => {
    expect(header).toContain("content, a line feed, outcome; for a day");
    expect(body).toContain(`local KEY_SECONDS = ${bounds.idempotency_key_kept_seconds}\n`);
    const seconds = Number(/once the\s+last one is (\d+) s old/.exec(header)?.[1]);
    expect(body).toContain(`local PERIOD_MICROS = ${seconds * 1_000_000}\n`);
    // The age of a period grows no faster, however the clock jumps.
    expect(body).toContain(`local STEP_MICROS_MAX = ${1.1 * bounds.sweep_milliseconds * 1000}\n`);
    const text = readFileSync("deploy/haproxy/haproxy.cfg", "utf8");
    const attempts = 1 + Number(/^ *retries (\d+)$/m.exec(text)?.[1]);
    const timeout = Number(/^ *timeout server (\d+)s$/m.exec(text)?.[1]);
    const held = bounds.first_admission_milliseconds_max + bounds.decision_milliseconds_max;
    // A command is sent again for that long at most.
    expect(seconds * 1000).toBeGreaterThan(1.1 * ((attempts - 1) * timeout * 1000 + held));
  });
});

describe("the program and the functions", () => {
  test("speak the same version", () => {
    expect(body).toContain(`local VERSION = '${FUNCTION_VERSION}'\n`);
  });

  test("have the same bounds and the same head key", () => {
    expect(body).toContain(`local STATEMENT_ENTRIES = ${bounds.statement_entries_max}\n`);
    expect(headKey(3)).toBe("razonete:{3}:head");
  });

  test("take the arguments of a command in the same order", () => {
    const commands = [
      { type: "transact", id: "req:1", account: "7", kind: "credit", value: 5, description: "d" },
      { type: "transact", id: "key:1", account: "7", kind: "debit", value: 5, description: "d" },
      { type: "open", id: "req:2", unit: "BRL/2", creditLimit: 9, name: null },
      { type: "open", id: "key:2", unit: "BRL/2", creditLimit: 9, name: "n" },
      { type: "change-limit", id: "req:3", account: "7", creditLimit: 9 },
    ] as const;
    expect(commands.map((command) => argumentsOf(command, () => "made"))).toEqual([
      ["c", "req:1", "7", "5", "", "d"],
      ["d", "key:1", "7", "5", '["transact","7","debit",5,"d"]', "d"],
      ["o", "req:2", "made", "9", "", "BRL/2 "],
      ["o", "key:2", "made", "9", '["open","BRL/2",9,"n"]', "BRL/2 n"],
      ["l", "req:3", "7", "9", "", ""],
    ]);
  });
});
