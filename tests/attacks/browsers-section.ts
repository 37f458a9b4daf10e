import { expect, test } from "bun:test";
import type { Stage } from "./support/stage.ts";

const PATH = "/clientes/1/transacoes";
const CREDIT = '{"valor":1,"tipo":"c","descricao":"x"}';

/** Pages of other sites, shown by a browser on the machine where a ledger is open: until the first key is made. */
export function browsersSection(stage: Stage): void {
  const anybody = () => stage.withToken(null);
  const balance = async () => Number((await anybody().get("/v1/accounts/1")).json["balance"]);

  test("a page of another site that posts to loopback, without a question before: text/plain, forms, beacons", async () => {
    const before = await balance();
    const origins = [
      "http://evil.example",
      "https://evil.example",
      "https://evil.example:9999",
      "null",
      "http://203.0.113.7",
      "http://localhost.evil.example",
      "http://127.0.0.1.evil.example",
      "http://evil.example/?127.0.0.1",
      "http://127.0.0.1@evil.example",
      "file://",
      "chrome-extension://abc",
      "http://[::2]",
      "",
    ];
    for (const origin of origins)
      for (const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
      ])
        for (const path of [PATH, "/v1/transactions", "/v1/batches", "/v1/accounts"]) {
          const { status, problem } = await anybody().post(path, CREDIT, { origin, "content-type": type });
          expect([origin, path, status, problem]).toEqual([origin, path, 401, "key-missing"]);
        }
    expect(await balance()).toBe(before);
    // Programs, and pages of this machine, are let in all the same.
    const port = stage.port();
    const own: readonly Readonly<Record<string, string>>[] = [
      {},
      { host: `localhost:${port}`, origin: `http://localhost:${port}` },
      { host: "haproxy:9999" },
      { origin: "http://localhost:5173" },
    ];
    for (const headers of own) {
      const { status } = await anybody().post(PATH, CREDIT, headers);
      expect([headers, status]).toEqual([headers, 200]);
    }
    expect(await balance()).toBe(before + own.length);
  });

  test("a page whose own name leads to this machine (DNS rebinding)", async () => {
    const before = await balance();
    for (const name of ["evil.example", "127.0.0.1.evil.example", "localhost.", "localhost.evil.example"])
      for (const port of ["", ":80", `:${stage.port()}`]) {
        const host = name + port;
        const read = await anybody().get("/v1/accounts/1", { host });
        expect([host, read.status, read.problem]).toEqual([host, 401, "key-missing"]);
        for (const headers of [{ host }, { host, origin: `http://${host}` }])
          expect([host, (await anybody().post(PATH, CREDIT, headers)).status]).toEqual([host, 401]);
      }
    expect(await balance()).toBe(before);
  });

  test("a page that asks first (CORS): it is not told that it may", async () => {
    const asked = { origin: "http://evil.example", "access-control-request-method": "POST" };
    for (const path of [PATH, "/v1/transactions", "/openapi.json"]) {
      const preflight = await anybody().send("OPTIONS", path, undefined, asked);
      const read = await anybody().get(path, { origin: "http://evil.example" });
      for (const { headers } of [preflight, read])
        expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
      expect(preflight.status).toBe(405);
    }
  });
}
