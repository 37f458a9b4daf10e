import { readFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { FUNCTION_VERSION } from "../../src/decide/fence.ts";
import { headKey } from "../../src/decide/redis-client.ts";
import { bounds } from "../../src/bounds.ts";
import { argumentsOf, type Prepared } from "../../src/decide/function-codec.ts";
import type { Command } from "../../src/ledger/command.ts";
import { change, hold, open, release } from "../support/ledger/commands.ts";

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

/** The functions of a table of them. */
function inTable(table: string): string[] {
  return body.match(new RegExp(`^function ${table}\\.\\w+\\([^]*?^end$`, "gm")) ?? [];
}

/** A local function and all that it calls, also by a table. */
function reach(name: string, seen = new Set<string>()): string {
  seen.add(name);
  const text = [
    local(name),
    ...[...local(name).matchAll(/\b(LOAD|READ|decide|transits)\[/g)].flatMap(([, table = ""]) =>
      inTable(table),
    ),
  ].join("\n");
  const called = [...body.matchAll(/^local function (\w+)/gm)]
    .map((match) => String(match[1]))
    .filter((other) => !seen.has(other) && new RegExp(`\\b${other}\\(`).test(text));
  return [text, ...called.map((other) => reach(other, seen))].join("\n");
}

const fields = (text: string) => text.split(",").map((field) => field.trim());

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
    // The head is KEYS[1]; every other key is its prefix and a name; ids bear the name of theirs. The proof is no function's.
    const named = [...body.matchAll(/prefix \.\. '(\w+):?'|'(outbox)'/g)].map(
      (match) => match[1] ?? match[2],
    );
    expect(unique([...named, "head", "key", "proof"])).toEqual(unique(described));
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
          [...String(match[1]).matchAll(/'([a-z_]+)'/g)].map((field) => field[1]),
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
      // Of another epoch there is nothing to sweep.
      const told = callback === "sweep" ? raised.filter((error) => error !== "EPOCH") : raised;
      expect(unique(told)).toEqual(unique(described ?? []));
    }
  });

  test("lay the arguments out in the same way", () => {
    const list = (name: string) => /ARGV {3}([^]*?)\n {2}REPLY/.exec(paragraph(name))?.[1] ?? "";
    const [fixed = "", each = ""] = list("razonete_apply").split(", then for each command six: ");
    const names = fields(each.split("\n")[0] ?? "");
    expect(fields(fixed)).toEqual(["epoch", "g_min", "outbox_max"]);
    expect(names).toEqual(["kind", "id", "of", "amount", "content", "text"]);
    expect(body).toContain(`local FIELDS = ${names.length}\n`);
    const first = fields(fixed).length + 1;
    for (const reader of ["read_batch", "recall"])
      expect(local(reader)).toContain(`for at = ${first}, #argv, FIELDS do`);
    expect(local("apply_batch")).toContain(`local at = ${first}\n`);
    expect(list("razonete_apply")).toContain(
      "text\n         and last, if any came with an access key, names\n",
    );
    expect(local("take_names")).toContain(
      `if #argv % FIELDS == ${(first - 1) % names.length} then return names end`,
    );
    expect(local("take_names")).toContain(`at = ${first}\n`);
    expect(local("decide_one").replaceAll(/\s+/g, " ")).toContain(
      `local ${names.join(", ")} = argv[at], argv[at + 1], argv[at + 2], argv[at + 3], argv[at + 4], argv[at + 5]`,
    );
    expect(fields(list("razonete_sweep"))).toEqual(fields(fixed));

    const reading = list("razonete_read").split(". ")[0] ?? "";
    expect(fields(reading)).toEqual(["epoch", "g_min", "then two for each: what", "id"]);
    expect(local("read")).toContain("for at = 3, #argv, 2 do");
    const read = [...list("razonete_read").matchAll(/(?:\.|,) +([a-z]) /g)].map((match) => match[1]);
    expect(unique(read)).toEqual(
      unique([...body.matchAll(/^function READ\.(\w)\(/gm)].map((match) => match[1])),
    );

    expect(list("razonete_lost")).toMatch(/^epoch, g of that batch, kept /);
    expect(local("lost").match(/argv\[\d\]/g)).toEqual(["argv[1]", "argv[2]", "argv[3]"]);

    // Each item is as long as it is described to be; of a statement each entry is two more.
    const items = [...list("razonete_load").matchAll(/^ +([a-z]), ([a-z, :]*?[a-z])(?: {2,}|$)/gm)];
    const lengths = Object.fromEntries(
      items.map(([, what = "", rest = ""]) => [what, fields(rest).length + 1]),
    );
    expect(lengths).toEqual({ a: 4, h: 4, v: 4, q: 3, y: 6, s: 5, k: 5, r: 3 });
    for (const [what, length] of Object.entries(lengths)) {
      const load = new RegExp(`^function LOAD\\.${what}\\([^]*?^end$`, "m").exec(body)?.[0];
      expect(load).toContain(what === "s" ? "return last + 1\n" : `return at + ${length}\n`);
    }

    expect(list("razonete_status")).toBe("none");
    expect(local("status")).not.toContain("argv");

    const begin = fields(list("razonete_begin").replace(/ \([^)]*\)/, ""));
    expect(begin).toEqual(["epoch", "shards", "g", "then for each account three: id", "row", "opening"]);
    expect(local("begin").match(/for at = 4, #argv, 3 do/g)).toHaveLength(2);
    expect(local("begin")).toContain(
      "'epoch', argv[1], 'version', VERSION, 'shards', argv[2], 'g', argv[3])",
    );
  });

  test("reads call nothing that writes", () => {
    for (const { callback, flags } of registered) {
      if (callback === "recall_only") continue;
      const writes =
        /redis\.call\('(HSET|HDEL|SET|MSET|ZADD|ZREM|XADD|EXPIRE|ZREMRANGEBYRANK|DEL|UNLINK)'/.test(
          reach(callback),
        );
      expect({ callback, writes }).toEqual({ callback, writes: flags !== "'no-writes'" });
    }
  });

  test("say for how long ids are remembered", () => {
    expect(header).toContain("content, a line feed, outcome; for key_seconds");
    expect(body).toContain(`local KEY_SECONDS = ${bounds.idempotency_key_kept_seconds}\n`);
    const seconds = Number(/once the\s+last one is (\d+) s\s+old/.exec(header)?.[1]);
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
    const commands: Command[] = [
      { type: "transact", id: "req:1", account: "7", kind: "credit", value: 5, description: "d" },
      { type: "transact", id: "key:1", account: "7", kind: "debit", value: 5, description: "d" },
      { type: "open", id: "req:2", account: "8", unit: "BRL/2", creditLimit: 9, name: null, metadata: {} },
      { type: "change", id: "req:3", account: "7", creditLimit: 9 },
      hold("7", 5, { id: "req:4" }),
      release("h0-1-0-0", "req:5"),
    ];
    const each = fields((/command six: ([^\n]*)/.exec(paragraph("razonete_apply")) ?? [])[1] ?? "");
    const laidOut = commands.map((command) => {
      const args = argumentsOf(command, { type: "as-is" });
      expect(args).toHaveLength(each.length);
      return Object.fromEntries(each.map((name, index) => [name, args[index]]));
    });
    expect(laidOut).toMatchObject([
      { kind: "c", id: "req:1", of: "7", amount: "5", content: "", text: "d" },
      { kind: "d", id: "key:1", of: "7", amount: "5", content: expect.stringMatching(/^\S{22}$/), text: "d" },
      { kind: "o", id: "req:2", of: "8", amount: "9", content: "" },
      { kind: "a", id: "req:3", of: "7", amount: "", content: "" },
      { kind: "h", id: "req:4", of: "7", amount: "5", content: "" },
      { kind: "r", id: "req:5", of: "h0-1-0-0", amount: "", content: "" },
    ]);
  });

  test("name the same members of what is JSON", () => {
    const prepared = (command: Command, as: Prepared = { type: "as-is" }): string[] =>
      Object.keys(z.record(z.string(), z.unknown()).parse(JSON.parse(argumentsOf(command, as)[5] ?? "")));
    const account = "7";
    const details = { before: "", after: "{}" };
    const all = {
      o: prepared(open(9, { account })),
      a: [
        ...prepared(change(account, { creditLimit: 1, state: "open" }), { type: "details", ...details }),
        ...prepared(change(account, {}), { type: "details", ...details, after: null }),
      ],
    };
    const text = /JSON for\n([^]*?)\n {18}Fields/.exec(paragraph("razonete_apply"))?.[1] ?? "";
    const described = Object.fromEntries(
      text.split(/\n {18}(?=[a-z] {2})/).map((line) => {
        const [kind = "", members = ""] = line.trim().split("  ");
        const bare = line
          .trim()
          .slice(kind.length)
          .replaceAll(/\([^)]*\)|each may be missing/g, "");
        expect(members).not.toBe("");
        return [
          kind,
          unique(
            bare
              .split(/[,;]/)
              .map((one) => one.trim())
              .filter((one) => one !== ""),
          ),
        ];
      }),
    );
    expect(Object.fromEntries(Object.entries(all).map(([kind, names]) => [kind, unique(names)]))).toEqual(
      described,
    );
  });
});
