import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { excessOf } from "../../src/http/bound-connections.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { RawConnection } from "../support/raw-connection.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { memoryOf, slowClients, slowestAnswer } from "./support/others.ts";

failOnLeaks();
setDefaultTimeout(90_000);

describe.skipIf(process.platform !== "linux")("the embedded ledger and slow clients", () => {
  test("1,000 half-sent requests and idle connections of one address keep nobody else out", async () => {
    using data = temporaryFolder();
    // So few that they would be used up: 60 % of them are for connections.
    const wrapper = ["sh", "-c", 'ulimit -n 1100; exec "$@"', "sh"];
    await using server = await startServer({ data: data.path, wrapper });
    await using slow = slowClients(server.port, "127.0.0.2", 350);
    // The last of them come in once the first were closed. Bun itself closes some after 10 to 12 s.
    const slowest = await slowestAnswer(server.port, 15_000);
    await slow.open;
    expect(slowest).toBeLessThan(3_000);
    expect(server.output().stderr).toMatch(/^razonete: more than 660 connections are open: /);
  });

  test("its memory stays bounded while they come again and again", async () => {
    using data = temporaryFolder();
    await using server = await startServer({ data: data.path });
    await using slow = slowClients(server.port, "127.0.0.2", 350);
    await slow.open;
    expect(await slowestAnswer(server.port, 14_000)).toBeLessThan(3_000);
    const before = memoryOf(server.pid);
    expect(await slowestAnswer(server.port, 24_000)).toBeLessThan(3_000);
    expect(memoryOf(server.pid) - before).toBeLessThan(32);
  });

  test("a body that does not come within 10 s is refused as a problem, however it is framed", async () => {
    using data = temporaryFolder();
    await using server = await startServer({ data: data.path });
    const framings = ["Content-Length: 100\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"];
    await Promise.all(
      framings.map(async (rest) => {
        using connection = new RawConnection(server.port);
        connection.send(Buffer.from(`POST /v1/accounts HTTP/1.1\r\nHost: x\r\n${rest}`));
        const answer = await connection.answer();
        expect(answer?.status).toBe(408);
        expect(answer?.headers.get("content-type")).toBe("application/problem+json");
        expect(JSON.parse(answer?.body ?? "")).toMatchObject({
          type: "urn:razonete:problem:request-timeout",
        });
        // What comes later of the body is no request.
        expect(await connection.answer()).toBeNull();
      }),
    );
  });
});

describe("which connections are too many", () => {
  const of = (address: string, ...silences: readonly number[]) =>
    silences.map((silentMilliseconds, file) => ({ file, address, silentMilliseconds }));

  test("none under the bound", () => {
    expect(excessOf([...of("a", 1, 2, 3), ...of("b", 9)], 4)).toEqual([]);
  });

  test("those of the address with the most, the longest silent first", () => {
    const many = of("a", 5, 1, 9, 7);
    expect(
      excessOf([...of("b", 99), ...many], 3).map(({ silentMilliseconds }) => silentMilliseconds),
    ).toEqual([9, 7]);
  });

  test("of several with many, all down to the same number", () => {
    const ended = excessOf([...of("a", 1, 2, 3, 4), ...of("b", 1, 2, 3), ...of("c", 9)], 5);
    expect(Map.groupBy(ended, ({ address }) => address).get("a")).toHaveLength(2);
    expect(Map.groupBy(ended, ({ address }) => address).get("b")).toHaveLength(1);
    expect(ended).toHaveLength(3);
  });
});
