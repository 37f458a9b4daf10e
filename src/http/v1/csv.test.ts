import { expect, test } from "bun:test";
import { csvOf } from "./csv.ts";

test("is what RFC 4180 says, with a header line and empty fields for what is missing", () => {
  const rows = [
    { a: 1, b: null },
    { a: -2, b: 'say "x", then\r\ngo' },
    { a: 0, b: "plain" },
  ];
  expect(csvOf(["a", "b"], rows)).toBe('a,b\r\n1,\r\n-2,"say ""x"", then\r\ngo"\r\n0,plain\r\n');
  expect(csvOf(["a", "b"], [])).toBe("a,b\r\n");
});
