import { describe, expect, test } from "bun:test";
import { parseMetrics, sumOf } from "./metric-text.ts";

describe("a text of metrics", () => {
  test("is read sample by sample, without comments, times and empty lines", () => {
    const text = [
      "# HELP a_total What it counts.",
      "# TYPE a_total counter",
      'a_total{route="/v1/accounts/:id",status="200"} 12',
      "",
      "up 1 1700000000000",
      "b{}\t3.5e-3 ",
      'c{ x="1" , y="2", } +Inf',
      "d -Inf",
      "e:f NaN",
      "g .5",
    ].join("\n");
    expect(parseMetrics(text)).toEqual([
      { name: "a_total", labels: { route: "/v1/accounts/:id", status: "200" }, value: 12 },
      { name: "up", labels: {}, value: 1 },
      { name: "b", labels: {}, value: 0.0035 },
      { name: "c", labels: { x: "1", y: "2" }, value: Infinity },
      { name: "d", labels: {}, value: -Infinity },
      { name: "e:f", labels: {}, value: NaN },
      { name: "g", labels: {}, value: 0.5 },
    ]);
    expect(parseMetrics("")).toEqual([]);
  });

  test("has escapes in the values of labels", () => {
    const [sample] = parseMetrics(String.raw`a{text="a \"b\" \\n is no line\n, } =",b=""} 1`);
    expect(sample?.labels).toEqual({ text: 'a "b" \\n is no line\n, } =', b: "" });
  });

  test.each([
    "a",
    "a ",
    "a x",
    "a 0x10",
    "a 1 2 3",
    "a 1 soon",
    "9a 1",
    "a{ 1",
    'a{b="c" 1',
    'a{b="c"}1',
    "a{b=c} 1",
    'a{b="c" d="e"} 1',
    'a{b="c",,d="e"} 1',
    'a{b="c",b="d"} 1',
    String.raw`a{b="\t"} 1`,
    "<!doctype html>",
    '{"status":"ready"}',
  ])("is refused where it is none: %p", (line) => {
    expect(() => parseMetrics(`up 1\n${line}\n`)).toThrow("line 2 ");
  });

  test("takes long texts in a time that grows with them", () => {
    const line = `a{b="${"\\\\".repeat(50_000)}"} 1`;
    expect(parseMetrics(line)).toHaveLength(1);
    expect(() => parseMetrics(line.slice(0, -5))).toThrow("line 1 ");
  });
});

test("samples of a metric are added up by their labels", () => {
  const samples = parseMetrics('n{a="1"} 2\nn{a="2"} 3\nm 4');
  expect(sumOf(samples, "n")).toBe(5);
  expect(sumOf(samples, "n", ({ a }) => a === "2")).toBe(3);
  expect(sumOf(samples, "o")).toBeNull();
});
