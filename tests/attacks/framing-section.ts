import { describe, expect, test } from "bun:test";
import { RawConnection } from "../support/raw-connection.ts";
import { answerOf, exchange } from "./support/caller.ts";
import { OTHER, type Stage } from "./support/stage.ts";

/** Where an attack leads to an amount that could only come from it. */
const STOLEN = '{"valor":7777,"tipo":"c","descricao":"stolen"}';
const VICTIMS = 12;

/** Bytes on a connection that are to become a part of somebody else's request, or a request that nobody sees. */
export function framingSection(stage: Stage): void {
  const path = "/clientes/acme:b/transacoes";

  /**
   * A request without its end: whatever the server takes for the next request on this connection would become a header
   * of this one, and that one's access key its own.
   */
  const half = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${STOLEN.length}\r\nX-Rest: `;
  /** One that needs no other. */
  const whole = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${STOLEN.length}\r\n\r\n${STOLEN}`;

  /** Sends these bytes on a connection of its own each, while others send requests with the key of the operator. */
  async function expectNothingSmuggled(requests: readonly string[]): Promise<void> {
    const before = await stage.balance("acme:b");
    for (const text of requests) {
      using attacker = new RawConnection(stage.port());
      attacker.send(Buffer.from(text, "latin1"));
      const victims = await Promise.all(
        Array.from({ length: VICTIMS }, (_, index) =>
          stage.with("admin").get(index % 2 === 0 ? `/v1/accounts/${OTHER}` : "/v1/accounts/none-such"),
        ),
      );
      const told = victims.map(({ status, json }) => [status, json["id"]]);
      expect([text, told]).toEqual([
        text,
        victims.map((_, index) => (index % 2 === 0 ? [200, OTHER] : [404, undefined])),
      ]);
    }
    expect(await stage.balance("acme:b")).toBe(before);
  }

  const post = (lines: string, body: string) => `POST ${path} HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\n${body}`;

  describe("framing", () => {
    test("a second request behind the last chunk of one that also has a Content-Length", async () => {
      const bodies = [half, whole].map((next) => `0\r\n\r\n${next}`);
      await expectNothingSmuggled(
        bodies.flatMap((body) => [
          post(`Content-Length: ${body.length}\r\nTransfer-Encoding: chunked`, body),
          post(`Transfer-Encoding: chunked\r\nContent-Length: ${body.length}`, body),
          post("Content-Length: 4\r\nTransfer-Encoding: chunked", body),
        ]),
      );
    });

    test("a Transfer-Encoding that one server sees and the other does not", async () => {
      const body = `0\r\n\r\n${half}`;
      const length = `Content-Length: ${body.length}`;
      await expectNothingSmuggled(
        [
          "Transfer-Encoding : chunked",
          "Transfer-Encoding:\tchunked",
          "Transfer-Encoding: xchunked",
          "Transfer-Encoding: chunked, identity",
          "Transfer-Encoding: identity, chunked",
          "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
          "Transfer-Encoding: \x0bchunked",
          'Transfer-Encoding: "chunked"',
          "Transfer-Encoding:\r\n chunked",
          " Transfer-Encoding: chunked",
          "X: x\nTransfer-Encoding: chunked",
          "X: x\rTransfer-Encoding: chunked",
          "Transfer-Encoding\x00: chunked",
          "Transfer_Encoding: chunked",
          ": x\r\nTransfer-Encoding: chunked",
        ].flatMap((line) => [post(`${length}\r\n${line}`, body), post(`${line}\r\n${length}`, body)]),
      );
    });

    test("two Content-Lengths, or one that is none, with a second request between them", async () => {
      const short = "{}";
      const body = short + half;
      await expectNothingSmuggled(
        [
          `Content-Length: ${short.length}\r\nContent-Length: ${body.length}`,
          `Content-Length: ${body.length}\r\nContent-Length: ${short.length}`,
          `Content-Length: ${short.length}, ${body.length}`,
          `Content-Length: +${short.length}`,
          `Content-Length: -1`,
          `Content-Length: 0x2`,
          `Content-Length: 2 ${body.length}`,
          `Content-Length: 18446744073709551618`,
          `Content-Length:\r\n ${short.length}`,
          `Content-Length : ${short.length}`,
          `Content-Length: `,
          `Content-Length: ${short.length}\r\nContent-Length: `,
        ].map((lines) => post(lines, body)),
      );
    });

    test("a chunk whose size overflows, is negative, or ends elsewhere for each server", async () => {
      await expectNothingSmuggled(
        [
          "10000000000000000",
          "ffffffffffffffff",
          "-1",
          "0x2",
          "2;a=\r\n",
          "2\n{}",
          "2\r{}",
          "2 ;x",
          "+2",
        ].map((size) => post("Transfer-Encoding: chunked", `${size}\r\n{}\r\n0\r\n\r\n${half}`)),
      );
    });

    test("a second request as the body of one that is refused before its body is read", async () => {
      using connection = new RawConnection(stage.port());
      const inside = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
      const refused = post(`Content-Length: ${inside.length}`, inside);
      connection.send(Buffer.from(`${refused}GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n`));
      expect((await connection.answer())?.status).toBe(401);
      const next = await connection.answer();
      // Either it is closed, or what follows is answered, and not what is inside.
      expect(next === null ? "ready" : answerOf(next).json["status"]).toBe("ready");
    });

    test("a request without a key behind one with a key, on one connection", async () => {
      using connection = new RawConnection(stage.port());
      const get = (line: string) => `GET /v1/accounts/${OTHER} HTTP/1.1\r\nHost: x\r\n${line}\r\n`;
      const right = get(`Authorization: Bearer ${stage.tokens.admin}\r\n`);
      connection.send(Buffer.from(right + get("") + right + get("")));
      const statuses = [];
      for (let count = 0; count < 4; count += 1) statuses.push((await connection.answer())?.status);
      expect(statuses).toEqual([200, 401, 200, 401]);
    });

    test("an access key, or a request's id, in the trailer of a chunked body", async () => {
      const before = await stage.balance("acme:b");
      const body = `${STOLEN.length.toString(16)}\r\n${STOLEN}\r\n0\r\n`;
      const key = `Authorization: Bearer ${stage.tokens.admin}`;
      const caller = stage.withToken(null);
      for (const trailer of [key, `X: x\r\n${key}`, `X-Request-Id: mine\r\n${key}`]) {
        const { status } = await caller.raw(
          post("Transfer-Encoding: chunked\r\nTrailer: Authorization", `${body}${trailer}\r\n\r\n`),
        );
        expect([400, 401]).toContain(status);
      }
      expect(await stage.balance("acme:b")).toBe(before);
    });

    test("headers that take out the access key or the request's id on the way (Connection: authorization)", async () => {
      const admin = stage.with("admin");
      for (const listed of ["authorization", "close, authorization", "x-request-id, authorization", "host"]) {
        const { status, json } = await admin.get(`/v1/accounts/${OTHER}`, { connection: listed });
        expect([401, 200]).toContain(status);
        if (status === 200) expect(json["id"]).toBe(OTHER);
      }
      const before = await stage.balance("acme:b");
      for (let count = 0; count < 4; count += 1) {
        const answer = await admin.post(path, '{"valor":1,"tipo":"c","descricao":"x"}', {
          connection: "close, x-request-id, idempotency-key",
          "x-request-id": "mine",
        });
        expect([answer.status, answer.headers.get("idempotency-replayed")]).toEqual([200, undefined]);
      }
      expect(await stage.balance("acme:b")).toBe(before + 4);
    });

    test("Expect: 100-continue before a body that is a request itself", async () => {
      const inside = `POST ${path} HTTP/1.1\r\nHost: x\r\nX: `;
      await expectNothingSmuggled([
        post(`Expect: 100-continue\r\nContent-Length: ${inside.length}`, inside),
        post(`Expect: 100-continue\r\nTransfer-Encoding: chunked`, `0\r\n\r\n${half}`),
        post(`Expect: something\r\nContent-Length: ${inside.length}`, inside),
      ]);
    });

    test("another protocol: HTTP/2 by its preface or by Upgrade, WebSocket, a tunnel by CONNECT", async () => {
      // The preface and an empty SETTINGS frame: who speaks HTTP/2 answers with one.
      const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      const frame = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
      const answered = await exchange(stage.port(), Buffer.concat([preface, frame]));
      expect(answered.toString("latin1")).toMatch(/^(?:$|HTTP\/1\.[01] [45])/);

      const settings = "AAMAAABkAARAAAAAAAIAAAAA";
      const upgrades = [
        ["h2c", { connection: "Upgrade, HTTP2-Settings", "http2-settings": settings }],
        ["websocket", { connection: "Upgrade", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" }],
      ] as const;
      for (const [upgrade, headers] of upgrades) {
        const { status } = await stage.withToken(null).get(`/v1/accounts/${OTHER}`, { ...headers, upgrade });
        expect([upgrade, status]).toEqual([upgrade, 401]);
      }
      for (const target of ["127.0.0.1:22", "localhost:6379", path]) {
        const bytes = await exchange(
          stage.port(),
          Buffer.from(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`),
        );
        expect([target, bytes.toString("latin1")]).toEqual([
          target,
          expect.stringMatching(/^(?:$|HTTP\/1\.[01] [45])/),
        ]);
      }
    });

    test("a method by another name: overriding headers, TRACE, OPTIONS, PUT, DELETE, names in lower case", async () => {
      const overriding = {
        "x-http-method-override": "POST",
        "x-http-method": "POST",
        "x-method-override": "POST",
      };
      const reader = stage.with("reader");
      expect((await reader.send("GET", "/v1/accounts?_method=POST")).status).toBe(422);
      const got = await reader.get("/v1/accounts/acme:b", overriding);
      expect([got.status, got.json["id"]]).toEqual([200, "acme:b"]);
      for (const method of ["PUT", "DELETE", "OPTIONS", "TRACE", "post", "PATCHX", "PROPFIND"]) {
        const answer = await reader.send(method, "/v1/accounts", "{}", { cookie: "secret=1" });
        // Bun closes the connection on a method that it does not know; HAProxy would send it again.
        expect([method, [0, 400, 404, 405].includes(answer.status)]).toEqual([method, true]);
        expect(answer.body).not.toContain("secret");
      }
    });
  });
}
