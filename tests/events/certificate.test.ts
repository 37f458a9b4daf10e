import { expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { FileJournal } from "../../src/events/file-journal.ts";
import { setCertificate } from "../../src/stack/haproxy-admin.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type CertificateFiles, TestCa } from "../support/servers/certificates.ts";
import { startHaproxy } from "../support/servers/haproxy.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Follower } from "../support/followers/event-client.ts";
import { keptEvents } from "./support/kept-events.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const READERS = 20;

/** Pays without a pause until it is told to stop. */
function paying(url: string, ca: string) {
  const over = new AbortController();
  const load = async (): Promise<number> => {
    let paid = 0;
    while (!over.signal.aborted) {
      const response = await fetch(`${url}/v1/transactions`, {
        method: "POST",
        body: JSON.stringify({ postings: [{ from: "@world", to: "1", amount: 1 }] }),
        tls: { ca: Bun.file(ca) },
      });
      if (response.status === 201) paid += 1;
      await response.text();
    }
    return paid;
  };
  const done = load();
  return {
    stop: () => {
      over.abort();
      return done;
    },
  };
}

/** The other name of the certificate that a new connection is shown. */
function shownName(port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  socket.once("secureConnect", () => {
    resolve(/DNS:([^,]+)/.exec(socket.getPeerCertificate().subjectaltname ?? "")?.[1]);
    socket.destroy();
  });
  socket.once("error", () => resolve(undefined));
  return promise;
}

async function expectWhole(folder: string, followers: readonly Follower[], paid: number): Promise<void> {
  const journal = new FileJournal(join(folder, "razonete.db"), "elsewhere");
  const kept = (await keptEvents(journal)).flat().map(({ id }) => id);
  await journal.close();
  // The five accounts of the start, too.
  expect(kept).toHaveLength(5 + paid);
  await eventually("all have all", () => followers.every(({ events }) => events.length >= kept.length));
  for (const follower of followers) expect(follower.ids).toEqual(kept);
}

test("the embedded ledger shows a new certificate: its streams end, and go on without a gap with the new one", async () => {
  using folder = temporaryFolder();
  using data = temporaryFolder();
  const ca = new TestCa(folder.path, "test");
  const first = ca.issue("IP:127.0.0.1,DNS:first.example");
  const second = ca.issue("IP:127.0.0.1,DNS:second.example");
  const shown = { cert: join(folder.path, "shown.pem"), key: join(folder.path, "shown.key") };
  const exchange = (files: CertificateFiles): void => {
    for (const part of ["cert", "key"] as const) copyFileSync(files[part], shown[part]);
  };
  exchange(first);
  const flags = ["--tls-cert", shown.cert, "--tls-key", shown.key];
  await using server = await startServer({ data: data.path, flags });
  const follow = () =>
    new Follower(
      () => server.url,
      "",
      () => Infinity,
      { ca: ca.file },
    );
  const followers = Array.from({ length: READERS }, follow);
  const load = paying(server.url, ca.file);
  for (const [round, files] of [second, first, second].entries()) {
    await eventually("all follow", () => followers.every(({ returns }) => returns >= round));
    const before = Math.max(...followers.map(({ events }) => events.length));
    await eventually("more came", () => followers.every(({ events }) => events.length > before));
    exchange(files);
    server.signal("SIGHUP");
    const name = files === first ? "first.example" : "second.example";
    await eventually("it is shown", async () => (await shownName(server.port)) === name);
    await eventually("all have come again", () => followers.every(({ returns }) => returns > round));
  }
  await expectWhole(data.path, followers, await load.stop());
  await Promise.all(followers.map((follower) => follower.stop()));
});

test.skipIf(serversMissing !== null)("HAProxy shows a new certificate: its streams go on", async () => {
  using folder = temporaryFolder();
  using data = temporaryFolder();
  const ca = new TestCa(folder.path, "test");
  const pemOf = async ({ cert, key }: CertificateFiles): Promise<string> =>
    `${await Bun.file(cert).text()}${await Bun.file(key).text()}`;
  const [first = "", second = ""] = await Promise.all(
    ["first", "second"].map((name) => pemOf(ca.issue(`IP:127.0.0.1,DNS:${name}.example`))),
  );
  const pem = join(folder.path, "shown.pem");
  await Bun.write(pem, first);
  await using server = await startServer({ data: data.path });
  const admin = join(folder.path, "admin.sock");
  const haproxy = await startHaproxy([server.port], false, { HAPROXY_TLS: pem, HAPROXY_ADMIN: admin });
  const url = `https://127.0.0.1:${haproxy.port}`;
  const followers = Array.from(
    { length: READERS },
    () =>
      new Follower(
        () => url,
        "",
        () => Infinity,
        { ca: ca.file },
      ),
  );
  const load = paying(url, ca.file);
  await eventually("all follow", () => followers.every(({ events }) => events.length > 10));
  await setCertificate(admin, pem, second);
  await eventually("it is shown", async () => (await shownName(haproxy.port)) === "second.example");
  const before = Math.max(...followers.map(({ events }) => events.length));
  await eventually("more came", () => followers.every(({ events }) => events.length > before));
  await expectWhole(data.path, followers, await load.stop());
  expect(followers.map(({ returns }) => returns)).toEqual(followers.map(() => 0));
  await Promise.all(followers.map((follower) => follower.stop()));
  await haproxy.dispose();
});
