import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { loadTestBounds } from "../load-test-bounds.ts";
import { ResponseReader, type ParseResult } from "./response.ts";

/** Reads a response that arrives in pieces, cut at these positions; then the connection ends. */
function read(text: string, cuts: readonly number[] = []): ParseResult {
  const bytes = Buffer.from(text);
  const ends = [...new Set([...cuts.map((cut) => cut % bytes.length), bytes.length])].toSorted(
    (a, b) => a - b,
  );
  const reader = new ResponseReader();
  let from = 0;
  for (const to of ends) {
    // The memory of a piece is overwritten after the call, as a runtime may do.
    const piece = Buffer.from(bytes.subarray(from, to));
    const result = reader.push(piece);
    piece.fill(0);
    if (result.type !== "more") return result;
    from = to;
  }
  return reader.end();
}

const forms: Readonly<Record<string, string>> = {
  "with a length": 'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"nome":"ção"}'.replace("13", "16"),
  "in chunks":
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"nome":\r\n8;x=y\r\n"ção"}\r\n0\r\n\r\n',
  "in chunks with trailers":
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{"nome":"ção"}\r\n0\r\nX: y\r\n\r\n',
  "after an interim response":
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\ncontent-length:16\r\n\r\n{"nome":"ção"}',
  "until the connection ends": 'HTTP/1.0 200 OK\r\n\r\n{"nome":"ção"}',
};

for (const [form, text] of Object.entries(forms)) {
  test(`reads a response ${form}, in whatever pieces it arrives`, () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 500 }), { maxLength: 6 }), (cuts) => {
        const result = read(text, cuts);
        expect(result).toMatchObject({ type: "whole", response: { status: 200, body: '{"nome":"ção"}' } });
      }),
    );
  });
}

test("a response that is cut short is not whole", () => {
  for (const text of Object.values(forms).slice(0, 4)) expect(read(text.slice(0, -1)).type).toBe("more");
});

/** Whether the connection may carry another request after a response with this head. */
function kept(head: string): boolean {
  const result = read(`${head}\r\nContent-Length: 0\r\n\r\n`);
  return result.type === "whole" && result.response.keepAlive;
}

test("tells whether the connection may carry another request", () => {
  expect(kept("HTTP/1.1 422 Unprocessable Content")).toBe(true);
  expect(kept("HTTP/1.1 422 Unprocessable Content\r\nConnection: close")).toBe(false);
  expect(kept("HTTP/1.0 200 OK")).toBe(false);
  expect(kept("HTTP/1.0 200 OK\r\nConnection: Keep-Alive")).toBe(true);
});

test("what is not HTTP, or too long, is garbled", () => {
  expect(read("What?\r\n\r\n").type).toBe("garbled");
  expect(read("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n").type).toBe("garbled");
  expect(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n").type).toBe("garbled");
  const much = `HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n${"x".repeat(loadTestBounds.answer_bytes_max)}`;
  expect(read(much).type).toBe("garbled");
});
