import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, copyFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CertificateFiles, TestCa } from "../support/servers/certificates.ts";
import { CertificateWatch } from "../../src/tls/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serveToTheEnd, startServer } from "../support/server.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { NewConnections } from "./support/new-connections.ts";
import { protocolOf, shownName } from "./support/handshake.ts";

failOnLeaks();
setDefaultTimeout(60_000);

let folder: TemporaryFolder;
let ca: TestCa;
let first: CertificateFiles;
let second: CertificateFiles;

/** The files that a server is given, to be exchanged for others. */
function placed(name: string, from: CertificateFiles): CertificateFiles {
  const files = { cert: join(folder.path, `${name}.pem`), key: join(folder.path, `${name}.key`) };
  exchange(files, from);
  return files;
}

/** As a tool that renews certificates: each file at once, one after the other. */
function exchange(files: CertificateFiles, from: CertificateFiles): void {
  for (const part of ["cert", "key"] as const) {
    copyFileSync(from[part], `${files[part]}.next`);
    chmodSync(`${files[part]}.next`, 0o600);
    renameSync(`${files[part]}.next`, files[part]);
  }
}

const flagsOf = ({ cert, key }: CertificateFiles): string[] => ["--tls-cert", cert, "--tls-key", key];

describe("razonete serve with TLS", () => {
  beforeAll(() => {
    folder = temporaryFolder("serve-tls");
    ca = new TestCa(folder.path, "test");
    first = ca.issue("IP:127.0.0.1,DNS:first.example");
    second = ca.issue("IP:127.0.0.1,DNS:second.example");
  });
  afterAll(() => folder[Symbol.dispose]());

  test("answers over TLS 1.2 and 1.3, and nothing below", async () => {
    using data = temporaryFolder();
    await using server = await startServer({ data: data.path, flags: flagsOf(first) });
    expect(server.url).toStartWith("https://127.0.0.1:");
    const answer = await fetch(`${server.url}/v1/accounts/1`, { tls: { ca: Bun.file(ca.file) } });
    expect(answer.status).toBe(200);
    const versions = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;
    const spoken = await Promise.all(versions.map((version) => protocolOf(server.port, version)));
    expect(spoken).toEqual([null, null, "TLSv1.2", "TLSv1.3"]);
    expect(server.output().stderr).toBe("");
  });

  test("shows a new certificate without losing a request, on new connections and on those that stay open", async () => {
    using data = temporaryFolder();
    const files = placed("renewed", first);
    await using server = await startServer({ data: data.path, flags: flagsOf(files) });
    const port = server.port;
    await using load = await NewConnections.start({ port, ca: ca.file });
    await load.answered(50);
    for (const [round, next] of [second, first, second].entries()) {
      exchange(files, next);
      // The first is noticed by itself, the others are asked for.
      if (round > 0) server.signal("SIGHUP");
      const name = next === first ? "first.example" : "second.example";
      await eventually(`new connections are shown ${name}`, async () => (await shownName(port)) === name);
      await load.answered(200);
    }
    const { answered, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(600);
  });

  test("keeps the certificate that it has where the new files do not fit, and says so once", async () => {
    using data = temporaryFolder();
    const files = placed("mixed", first);
    await using server = await startServer({ data: data.path, flags: flagsOf(files) });
    copyFileSync(second.cert, files.cert);
    await eventually("it says so", () => server.output().stderr.includes("was not renewed"));
    expect(await shownName(server.port)).toBe("first.example");
    expect(
      server
        .output()
        .stderr.split("\n")
        .filter((line) => line.includes("was not renewed")),
    ).toHaveLength(1);
    exchange(files, second);
    await eventually("it has the new one", async () => (await shownName(server.port)) === "second.example");
  });

  test("a second server on its port is told that it is in use, with TLS and without", async () => {
    using data = temporaryFolder();
    using others = temporaryFolder();
    await using server = await startServer({ data: data.path, flags: flagsOf(first) });
    for (const flags of [flagsOf(first), []]) {
      const { code, stderr } = await serveToTheEnd({ data: others.path, port: server.port, flags });
      expect([code, stderr]).toEqual([1, expect.stringContaining(`port ${server.port} is in use`)]);
    }
  });

  test("a key that others may read, and a certificate that has expired, are told at the start", async () => {
    using data = temporaryFolder();
    const files = placed("open", ca.issue("IP:127.0.0.1", -1));
    chmodSync(files.key, 0o644);
    await using server = await startServer({ data: data.path, flags: flagsOf(files) });
    expect(server.output().stderr.split("\n")).toEqual([
      `razonete: others than its owner may read ${files.key}, the private key: chmod 600 ${files.key}.`,
      `razonete: the certificate in ${files.cert} has expired, clients will refuse it: renew it.`,
      "",
    ]);
  });

  test("files that are no certificate and its key are refused in one sentence", async () => {
    using data = temporaryFolder();
    const empty = join(folder.path, "empty");
    writeFileSync(empty, "");
    const { cert, key } = first;
    for (const [files, wanted] of [
      [
        { cert: "/no/such", key },
        /^razonete: \/no\/such cannot be read \(ENOENT[^\n]+\): give --tls-cert the path of a PEM file\.\n$/,
      ],
      [
        { cert, key: "/no/such" },
        /^razonete: \/no\/such cannot be read \(ENOENT[^\n]+\): give --tls-key the path of a PEM file\.\n$/,
      ],
      [
        { cert: empty, key },
        /^razonete: \S+ has no certificate in PEM: give --tls-cert the file that has it\.\n$/,
      ],
      [
        { cert, key: empty },
        /^razonete: \S+ has no private key in PEM: give --tls-key the file that has it\.\n$/,
      ],
      [
        { cert, key: second.key },
        /^razonete: the key in \S+ is not that of the certificate in \S+: give the two that were made together\.\n$/,
      ],
    ] as const) {
      const { code, stderr } = await serveToTheEnd({ data: data.path, flags: flagsOf(files) });
      expect(stderr).toMatch(wanted);
      expect(code).toBe(1);
    }
    const { code, stderr } = await serveToTheEnd({ data: data.path, flags: ["--tls-cert", cert] });
    expect([code, stderr]).toEqual([
      1,
      "razonete: --tls-cert is given without --tls-key: TLS needs the certificate and its key, both as PEM files.\n",
    ]);
  });
});

test("a certificate that is not taken, as by a balancer that is just starting, is tried again, and that is said once", async () => {
  using own = temporaryFolder();
  const issuer = new TestCa(own.path, "test");
  const { cert: certFile, key: keyFile } = issuer.issue("DNS:first.example");
  const said: string[] = [];
  let attempts = 0;
  const take = async (): Promise<void> => {
    attempts += 1;
    if (attempts <= 11) throw new Error("not now.");
  };
  const watch = new CertificateWatch({ certFile, keyFile }, take, (line) => said.push(line));
  try {
    const next = issuer.issue("DNS:second.example");
    copyFileSync(next.cert, certFile);
    copyFileSync(next.key, keyFile);
    await eventually("it is taken", () => said.some((line) => line.includes("is shown to clients")));
    expect(said).toEqual([
      "the certificate was not renewed, the one before stays: not now.",
      `the certificate in ${certFile} is shown to clients from now on.`,
    ]);
  } finally {
    watch.close();
  }
});
