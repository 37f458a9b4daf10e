import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { locate } from "../../src/stack/server-programs.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { eventually } from "../support/eventually.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { startHaproxy } from "../support/servers/haproxy.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type SharedStack, sharedStack } from "./support/shared-stack.ts";
import { type Answer, ask, killUnderLoad, restartUnderLoad } from "./support/under-load.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const HEADER = "Razonete-Request-Id";
const problem = z.object({ type: z.string(), status: z.int(), outcome: z.optional(z.string()) });
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const CONFIG = join(import.meta.dir, "../../deploy/haproxy/haproxy.cfg");

describe.skipIf(serversMissing !== null)("haproxy.cfg", () => {
  const program = (): string => {
    return locate("haproxy", process.env["PATH"] ?? "") ?? "haproxy";
  };
  const check = (environment: Record<string, string>, file = CONFIG) => {
    const { exitCode, stderr } = Bun.spawnSync([program(), "-c", "-f", file], { env: environment });
    return { exitCode, stderr: stderr.toString() };
  };
  const base = { HAPROXY_BIND: "127.0.0.1:9999", REQUEST_ID_HEADER: HEADER };

  test("is taken by HAProxy without a warning, as the stack has it and as docker compose has it", () => {
    const socket = { ...base, HAPROXY_API_1: "unix@/tmp/api-1.sock", HAPROXY_API_2: "unix@/tmp/api-2.sock" };
    expect(check(socket)).toEqual({ exitCode: 0, stderr: "" });
    const names = { ...base, HAPROXY_BIND: "*:9999", HAPROXY_API_1: "localhost:8080", HAPROXY_DNS: "yes" };
    expect(check(names)).toEqual({ exitCode: 0, stderr: "" });
    expect(check({ ...socket, HAPROXY_ROUND_ROBIN: "yes" })).toEqual({ exitCode: 0, stderr: "" });
    const limits = {
      HAPROXY_ADDRESS_CONNECTIONS: "2000",
      HAPROXY_ADDRESS_RATE: "1000",
      HAPROXY_EVENTS: "yes",
      HAPROXY_KEY_LIMITS: "yes",
      HAPROXY_KEY_RATE: "100",
      HAPROXY_REQUEST_ID: "yes",
      HAPROXY_ADMIN: "/tmp/admin.sock",
      HAPROXY_CONSOLE: "127.0.0.1:8081",
      HAPROXY_ACCESS_LOG: "yes",
    };
    expect(check({ ...socket, ...limits })).toEqual({ exitCode: 0, stderr: "" });
    // As docker compose has them where they are not set.
    const empty = Object.fromEntries([...Object.keys(limits), "HAPROXY_TLS"].map((name) => [name, ""]));
    expect(check({ ...names, ...empty })).toEqual({ exitCode: 0, stderr: "" });
  });

  /** With the line of docs/security.md that keeps /readyz inside, beside the files that it names. */
  const keptInside = (folder: string, changed: (line: string) => string = (line) => line): string => {
    const security = readFileSync(join(import.meta.dir, "../../docs/security.md"), "utf8");
    const [line = ""] = /http-request return .*\{ path \/readyz \}.*/.exec(security) ?? [];
    expect(line).not.toBe("");
    const text = readFileSync(CONFIG, "utf8").replace(/^ *use_backend pages/m, `    ${changed(line)}\n$&`);
    expect(text).toContain(changed(line));
    cpSync(join(CONFIG, ".."), folder, { recursive: true });
    const file = join(folder, "haproxy.cfg");
    writeFileSync(file, text);
    return file;
  };

  test("takes the line of docs/security.md that keeps /readyz inside", () => {
    using folder = temporaryFolder("haproxy");
    const file = keptInside(folder.path);
    const limits = {
      HAPROXY_ADDRESS_CONNECTIONS: "2000",
      HAPROXY_ADDRESS_RATE: "1000",
      HAPROXY_KEY_LIMITS: "yes",
    };
    for (const more of [{}, limits])
      expect(check({ ...base, ...more, HAPROXY_API_1: "unix@/tmp/api-1.sock" }, file)).toEqual({
        exitCode: 0,
        stderr: "",
      });
  });

  test("with it others than one's own networks are not told why it is not ready, however they ask", async () => {
    let isReady = true;
    const why = "Start 10.0.0.1:6379.";
    using api = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      routes: { "/readyz": () => new Response(why, { status: isReady ? 200 : 503 }) },
      fetch: () => new Response("another path"),
    });
    using folder = temporaryFolder("haproxy");
    const file = keptInside(folder.path, (line) => line.replace("127.0.0.0/8 10.0.0.0/8", "127.0.0.1"));
    const haproxy = await startHaproxy([api.port ?? 0], false, {}, file);
    const askFrom = async (from: string, target: string): Promise<string> => {
      const { answer, send } = await rawRequest(haproxy.port, from);
      send(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      return answer;
    };
    try {
      for (const status of ["200", "503"]) {
        isReady = status === "200";
        // By its own checks, which do not come that way.
        await eventually(`the balancer answers ${status}`, async () =>
          (await askFrom("127.0.0.2", "/")).startsWith(`HTTP/1.1 ${status} `),
        );
        const told = await askFrom("127.0.0.1", "/readyz");
        expect(told).toStartWith(`HTTP/1.1 ${status} `);
        expect(told).toContain(why);
        expect(await askFrom("127.0.0.2", "/readyz")).toStartWith("HTTP/1.1 404 ");
        for (const target of ["/readyz?a=b", "http://x/readyz", "/%72eadyz", "//readyz", "/readyz/"])
          expect([target, (await askFrom("127.0.0.2", target)).includes(why)]).toEqual([target, false]);
      }
    } finally {
      await haproxy.dispose();
    }
  });

  test("hands the console its page and what is under /console, and nothing else", () => {
    const text = readFileSync(CONFIG, "utf8");
    expect([...text.matchAll(/^ *use_backend console .*$/gm)].map(([line]) => line.trim())).toEqual([
      "use_backend console if { path / } or { path_beg /console }",
    ]);
  });

  test("passes each event on at once; `bench events` shows what that is worth", () => {
    const [, backend = ""] = /^backend events$([^]*?)^\S/m.exec(readFileSync(CONFIG, "utf8")) ?? [];
    expect(backend).toContain("\n    option http-no-delay\n");
  });

  test("has a place for every API that a stack may have", () => {
    const eight = Array.from({ length: 8 }, (_, index) => [
      `HAPROXY_API_${index + 1}`,
      `127.0.0.1:${8001 + index}`,
    ]);
    expect(check({ ...base, ...Object.fromEntries(eight) })).toEqual({ exitCode: 0, stderr: "" });
    // In each of its backends, of which that of events takes them from the last one on.
    expect([...readFileSync(CONFIG, "utf8").matchAll(/^ {4}server api-\d /gm)]).toHaveLength(3 * 8);
    const withEvents = { ...Object.fromEntries(eight), HAPROXY_EVENTS: "yes" };
    expect(check({ ...base, ...withEvents })).toEqual({ exitCode: 0, stderr: "" });
  });

  test("each answer of its own is a problem, says how long it is, and is described in docs/errors.md", () => {
    const answers = [...new Bun.Glob("*.http").scanSync(join(CONFIG, ".."))];
    expect(answers.toSorted()).toEqual([
      "malformed-request.http",
      "no-console.http",
      "no-instance.http",
      "request-timeout.http",
    ]);
    const documented = readFileSync(join(CONFIG, "../../../docs/errors.md"), "utf8");
    for (const name of answers) {
      const [head = "", body = ""] = readFileSync(join(CONFIG, "..", name), "utf8").split("\r\n\r\n");
      expect(Number(/^content-length: (\d+)$/im.exec(head)?.[1])).toBe(Buffer.byteLength(body));
      expect(head).toContain("Content-Type: application/problem+json");
      const { type, status } = problem.parse(JSON.parse(body));
      expect(head).toStartWith(`HTTP/1.1 ${status} `);
      expect(documented).toContain(`\`${type.replace("urn:razonete:problem:", "")}\``);
    }
    // These have headers, and an outcome, of the moment, which HAProxy adds.
    const noAnswer = readFileSync(join(CONFIG, "../no-answer.json"), "utf8");
    expect(problem.parse(JSON.parse(noAnswer))).toMatchObject({ status: 503 });
    const tooMany = readFileSync(join(CONFIG, "../too-many-requests.json"), "utf8");
    expect(problem.parse(JSON.parse(tooMany)).status).toBe(429);
    expect(documented).toContain("`too-many-requests`");
    const noMethod = readFileSync(join(CONFIG, "../method-not-allowed.json"), "utf8");
    expect(problem.parse(JSON.parse(noMethod)).status).toBe(405);
    const outcomes = ["no-instance", "no-console"].map((name) => {
      const file = readFileSync(join(CONFIG, `../${name}.http`), "utf8");
      return problem.parse(JSON.parse(file.split("\r\n\r\n")[1] ?? "")).outcome;
    });
    expect(outcomes).toEqual(["none", "none"]);
  });
});

describe.skipIf(serversMissing !== null)("HAProxy that gives each API its share", () => {
  const shared = sharedStack({ HAPROXY_ROUND_ROBIN: "yes" });

  test("spreads requests over the APIs and gives each an id of its own, whatever the client sent", async () => {
    const { stack } = shared();
    const answers = await askTenTimes(stack.url);
    expect(new Set(answers.map(({ pid }) => pid))).toEqual(
      new Set([stack.pid("api-1"), stack.pid("api-2")].map(String)),
    );
  });

  test("kill -9 of an API under load fails no request, and what is sent twice bears one id", () =>
    killUnderLoad(shared(), ["api-1", "api-2", "api-1"]));

  test("a restart of one API after the other under load fails no request, and sends none twice", () =>
    restartUnderLoad(shared(), ["api-1", "api-2"]));
});

describe.skipIf(serversMissing !== null)("HAProxy", () => {
  const shared = sharedStack();

  test("hands all requests to one API, as long as it can take them, and gives each an id of its own", async () => {
    const { stack } = shared();
    const answers = await askTenTimes(stack.url);
    expect(new Set(answers.map(({ pid }) => pid))).toEqual(new Set([String(stack.pid("api-1"))]));
  });

  test("kill -9 of that API under load fails no request, and what is sent twice bears one id", () =>
    killUnderLoad(shared(), ["api-1", "api-1", "api-1"]));

  test("a restart of that API under load fails no request, and sends none twice", () =>
    restartUnderLoad(shared(), ["api-1", "api-1"]));

  test("an API that dies over a body which came in pieces: the request is sent whole to the other", async () => {
    const { stack } = shared();
    const port = Number(new URL(stack.url).port);
    const { answer, send } = await rawRequest(port);
    send("POST /die-once HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\nfirst");
    await Bun.sleep(200);
    send(" half");
    expect(await answer).toMatch(/^HTTP\/1.1 200 /);
    expect(await answer).toContain('"body":"first half"');
  });

  test("a request that fits into its buffer is sent again; a longer one is not, and is unknown where its API dies", async () => {
    const { stack, takeSeen } = shared();
    for (const [bytes, wanted, sent] of [
      [6 * 1024, /^HTTP\/1.1 200 /, 2],
      [8 * 1024, /^HTTP\/1.1 503 [^]*"outcome": "unknown"\n}\n$/, 1],
      [200 * 1024, /^HTTP\/1.1 503 [^]*"outcome": "unknown"\n}\n$/, 1],
    ] as const) {
      await bothReady(shared());
      takeSeen();
      const { answer, send } = await rawRequest(Number(new URL(stack.url).port));
      const head = `POST /die-once HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${bytes}\r\n\r\n`;
      send(head + "x".repeat(bytes));
      expect((await answer).slice(0, 1000)).toMatch(wanted);
      const seen = takeSeen();
      expect(seen.map(({ body }) => body.length)).toEqual(Array.from({ length: sent }, () => bytes));
      expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
    }
    await bothReady(shared());
  });

  test("an answer of 503 is an answer: it is not asked for again", async () => {
    const { stack, takeSeen } = shared();
    takeSeen();
    const response = await fetch(`${stack.url}/unavailable`, { method: "POST", body: "once" });
    expect([response.status, await response.text()]).toEqual([503, "from the API"]);
    expect(takeSeen()).toHaveLength(1);
  });

  test("where no API answers, it says so itself, as a problem: unknown if it was sent to one, else nothing was changed", async () => {
    const { stack } = shared();
    await stack.settled();
    const apis = [stack.pid("api-1"), stack.pid("api-2")];
    for (const pid of apis) process.kill(pid, "SIGSTOP");
    // This one is sent to an API: HAProxy has not noticed yet. It may also just close the connection.
    const { answer, send } = await rawRequest(Number(new URL(stack.url).port));
    send("POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    expect(await answer).toMatch(/^$|^HTTP\/1.1 503 [^]*"outcome": "unknown"\n}\n$/);
    const response = await answerOrNone(stack.url, 503);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.json()).toMatchObject({
      type: "urn:razonete:problem:ledger-unavailable",
      status: 503,
      outcome: "none",
    });
    for (const pid of apis) process.kill(pid, "SIGCONT");
    await answerOrNone(stack.url, 200);
  });

  test("says that the ledger is ready only once it hands requests to an API", async () => {
    const { stack, data } = shared();
    await stack.settled();
    const failChecks = join(data, "run/fail-checks");
    writeFileSync(failChecks, "");
    await answerOrNone(stack.url, 503);
    const ready = await fetch(`${stack.url}/readyz`);
    expect(await ready.json()).toMatchObject({ status: 503, outcome: "none" });
    rmSync(failChecks);
    await answerOrNone(stack.url, 200);
    expect((await fetch(`${stack.url}/readyz`)).status).toBe(200);
  });

  test("a body that does not come within 10 s is refused as a problem, and reaches no API", async () => {
    const { stack, takeSeen } = shared();
    takeSeen();
    const { answer, send } = await rawRequest(Number(new URL(stack.url).port));
    send("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst");
    const text = await answer;
    expect(text).toMatch(/^HTTP\/1.1 408 /);
    expect(text).toMatch(/^content-type: application\/problem\+json\r$/m);
    expect(JSON.parse(text.split("\r\n\r\n")[1] ?? "")).toMatchObject({
      type: "urn:razonete:problem:request-timeout",
      status: 408,
    });
    expect(takeSeen()).toEqual([]);
  });

  test("a head of 6 KiB passes, and one of 8 KiB does not", async () => {
    const { stack } = shared();
    const status = async (bytes: number): Promise<string> => {
      const { answer, send } = await rawRequest(Number(new URL(stack.url).port));
      send(`GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: ${"x".repeat(bytes)}\r\n\r\n`);
      return (await answer).slice("HTTP/1.1 ".length).slice(0, 3);
    };
    expect([await status(6 * 1024), await status(8 * 1024)]).toEqual(["200", "400"]);
  });
});

/** Until both APIs run, and HAProxy, which looks at them every 200 ms, knows it. */
async function bothReady({ data, stack }: SharedStack): Promise<void> {
  await eventually("both APIs are ready", async () => {
    const asked = ["api-1", "api-2"].map((name) =>
      fetch("http://api/readyz", { unix: join(data, `run/${name}.sock`), keepalive: false }).catch(
        () => null,
      ),
    );
    return (await Promise.all(asked)).every((answer) => answer?.ok);
  });
  // A look that has begun before may still find one down.
  await Bun.sleep(300);
  await eventually("HAProxy knows it: it asks the first one", async () => {
    const answer = await fetch(`${stack.url}/x`, { keepalive: false });
    return Object(await answer.json()).pid === stack.pid("api-1");
  });
}

/** Asks until the answer is of this status; what comes before may also be a connection that is closed. */
async function answerOrNone(url: string, status: number): Promise<Response> {
  let wanted: Response | null = null;
  await eventually(`${url} answers ${status}`, async () => {
    const answer = await fetch(url, { method: "POST", body: "x", keepalive: false }).catch(() => null);
    if (answer?.status === status) wanted = answer;
    return answer?.status === status;
  });
  return wanted ?? expect.unreachable();
}

function rawRequest(
  port: number,
  localAddress = "127.0.0.1",
): Promise<{ answer: Promise<string>; send: (text: string) => void }> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: "127.0.0.1", port, localAddress }, () => {
      const answer = new Promise<string>((done) => {
        let text = "";
        socket.on("data", (chunk) => (text += chunk.toString()));
        socket.on("close", () => done(text));
      });
      resolve({ answer, send: (text) => socket.write(text) });
    });
    socket.on("error", reject);
  });
}

async function askTenTimes(url: string): Promise<readonly Answer[]> {
  const answers = [];
  for (let round = 0; round < 10; round += 1) {
    const headers = { [HEADER]: "forged", [HEADER.toLowerCase()]: "forged" };
    answers.push(await ask(url, "forged?", headers));
  }
  for (const { id } of answers) expect(id).toMatch(UUID);
  expect(new Set(answers.map(({ id }) => id)).size).toBe(10);
  return answers;
}
