import { expect, test } from "bun:test";
import { jsonLine } from "./json-line.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");

test("a line is one object on one line, with what every line has in front", () => {
  const line = jsonLine("razonete api", "warn", "two\nlines", { shard: 3, request_id: "a" }, NOW);
  expect(line).toBe(
    '{"time":"2026-01-02T03:04:05.678Z","level":"warn","program":"razonete api","message":"two\\nlines","shard":3,"request_id":"a"}',
  );
});

test("no field stands in for what every line has", () => {
  const about = { message: "another", level: "info", time: "never", program: "x" };
  expect(jsonLine("razonete", "alarm", "this", about, NOW)).toBe(
    jsonLine("razonete", "alarm", "this", {}, NOW),
  );
});

test("a URL in a message is told without its password", () => {
  const said =
    "postgres://api:s3cret@db:5432/razonete?sslmode=require and redis://:top@h:1, not http://host:80/a@b";
  expect(JSON.parse(jsonLine("razonete", "warn", said, {}, NOW)).message).toBe(
    "postgres://api:***@db:5432/razonete?sslmode=require and redis://:***@h:1, not http://host:80/a@b",
  );
});
