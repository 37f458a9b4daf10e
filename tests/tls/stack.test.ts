import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { bounds } from "../../src/bounds.ts";
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { type CertificateFiles, TestCa } from "../support/servers/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { mayPass } from "../support/pace/may-pass.ts";
import { type RunningStack, stackToTheEnd, startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { protocolOf, shownName } from "./support/handshake.ts";
import { NewConnections } from "./support/new-connections.ts";
import { slowClients, slowestAnswer } from "./support/others.ts";

failOnLeaks();
setDefaultTimeout(240_000);

describe.skipIf(serversMissing !== null)("razonete stack with TLS", () => {
  let folder: TemporaryFolder;
  let ca: TestCa;
  let first: CertificateFiles;
  let second: CertificateFiles;
  let files: CertificateFiles;
  let stack: RunningStack;
  let port: number;

  beforeAll(async () => {
    folder = temporaryFolder("stack-tls");
    ca = new TestCa(folder.path, "test");
    first = ca.issue("IP:127.0.0.1,DNS:first.example");
    second = ca.issue("IP:127.0.0.1,DNS:second.example");
    files = { cert: join(folder.path, "shown.pem"), key: join(folder.path, "shown.key") };
    exchange(first);
    const flags = ["--tls-cert", files.cert, "--tls-key", files.key, "--key-rate", "1000"];
    stack = await startStack({ data: join(folder.path, "data"), real: true, flags });
    port = Number(new URL(stack.url).port);
  }, 90_000);

  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  }, 60_000);

  function exchange(from: CertificateFiles): void {
    for (const part of ["cert", "key"] as const) {
      copyFileSync(from[part], `${files[part]}.next`);
      renameSync(`${files[part]}.next`, files[part]);
    }
  }

  test("answers over TLS 1.2 and 1.3, and nothing below", async () => {
    expect(stack.url).toStartWith("https://127.0.0.1:");
    const answer = await fetch(`${stack.url}/v1/accounts/1`, { tls: { ca: Bun.file(ca.file) } });
    expect(answer.status).toBe(200);
    const versions = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;
    const spoken = await Promise.all(versions.map((version) => protocolOf(port, version)));
    expect(spoken).toEqual([null, null, "TLSv1.2", "TLSv1.3"]);
  });

  test("shows a new certificate without losing a request, also after HAProxy was started again", async () => {
    await using load = await NewConnections.start({ port, ca: ca.file });
    await load.answered(50);
    for (const [next, name] of [
      [second, "second.example"],
      [first, "first.example"],
      [second, "second.example"],
    ] as const) {
      exchange(next);
      await eventually(`new connections are shown ${name}`, async () => (await shownName(port)) === name);
      await load.answered(100);
    }
    const { answered, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(300);
    const pid = stack.pid("haproxy");
    process.kill(pid, "SIGKILL");
    await eventually("HAProxy is back", () => stack.pid("haproxy") !== pid);
    await eventually("it shows the latest", async () => (await shownName(port)) === "second.example");
  });

  test("nobody else can read the key, and no command line or log has it", () => {
    const data = join(folder.path, "data");
    expect(statSync(join(data, "certificate.pem")).mode & 0o777).toBe(0o600);
    expect(statSync(join(data, "run/haproxy.sock")).mode & 0o777).toBe(0o600);
    const [, secret = "-"] = readFileSync(files.key, "utf8").split("\n");
    const told = readdirSync(join(data, "logs")).map((name) =>
      readFileSync(join(data, "logs", name), "utf8"),
    );
    expect([stack.output(), ...told].filter((text) => text.includes(secret))).toEqual([]);
  });

  test("files that do not fit are refused in one sentence, before anything is started", async () => {
    using other = temporaryFolder();
    const flags = ["--tls-cert", first.cert, "--tls-key", second.key];
    const { code, output } = await stackToTheEnd({ data: join(other.path, "data"), real: true, flags });
    expect(output).toMatch(/^razonete: the key in \S+ is not that of the certificate in \S+: [^\n]+\.\n$/);
    expect(code).toBe(1);
  });
});

describe.skipIf(serversMissing !== null)("razonete stack and access keys", () => {
  test("one with a rate of its own is let through at that rate, and who tries wrong ones is slowed down", async () => {
    using folder = temporaryFolder("stack-keys");
    const data = join(folder.path, "data");
    await using stack = await startStack({ data, real: true });
    const flags = ["--name", "slow", "--scopes", "accounts:read", "--rate", "5", "--json"];
    const { stdout } = Bun.spawnSync([...SOURCE_PROGRAM, "keys", "create", "--stack", data, ...flags]);
    const { key }: { key: string } = JSON.parse(stdout.toString());
    const ask = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${stack.url}/v1/accounts/1`, { headers });
      await answer.text();
      return { status: answer.status, told: answer.headers, policy: answer.headers.get("ratelimit-policy") };
    };
    await eventually("wrong keys are refused", async () => (await ask("wrong")).status === 401);
    expect((await ask(key)).told.get("razonete-key-rate")).toBeNull();
    const begunAt = performance.now();
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(key)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(40 - mayPass(5, begunAt));
    expect(new Set(answers.map(({ policy }) => policy))).toEqual(new Set(['"key";q=5;w=1']));

    // One after the other, since it is the answer that tells HAProxy that a key was wrong.
    const tried: Awaited<ReturnType<typeof ask>>[] = [];
    for (let index = 0; index < 30; index += 1) tried.push(await ask(`wrong-${index}`));
    const policy = `"wrong-keys";q=${bounds.wrong_keys_per_address};w=${bounds.wrong_keys_seconds}`;
    const slowed = tried.filter(({ status }) => status === 429);
    expect(slowed.length).toBeGreaterThan(10);
    expect(new Set(slowed.map((one) => one.policy))).toEqual(new Set([policy]));
    await eventually("the right one goes on", async () => (await ask(key)).status === 200);
  });
});

describe.skipIf(serversMissing !== null)("razonete stack and slow clients", () => {
  test("more half-sent requests and idle connections of one address than there is room for keep nobody else out", async () => {
    using folder = temporaryFolder("stack-slow");
    await using stack = await startStack({ data: join(folder.path, "data"), real: true });
    const port = Number(new URL(stack.url).port);
    // 4,400 where HAProxy takes 4,000.
    await using slow = slowClients(port, "127.0.0.2", 1_100);
    await slow.open;
    expect(await slowestAnswer(port, 15_000)).toBeLessThan(3_000);
  });
});
