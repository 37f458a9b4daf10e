import { expect, setDefaultTimeout, test } from "bun:test";
import { identityOf } from "../../src/stack/process-identity.ts";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { childrenOf } from "../support/servers/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { dispatchSuite } from "./dispatch-suite.ts";
import { faultsSuite } from "./faults-suite.ts";
import { Receiver } from "../support/followers/receiver.ts";
import { embeddedShape } from "./support/shapes.ts";

failOnLeaks();
setDefaultTimeout(120_000);

dispatchSuite("webhooks of an embedded ledger", embeddedShape);
faultsSuite("webhooks of an embedded ledger", embeddedShape, { kills: 5 });

test("a server that was killed and is back dispatches, while a target hangs that the former one was sending to", async () => {
  using folder = temporaryFolder("dispatch-killed");
  await using target = new Receiver(null);
  const hangs = Promise.withResolvers<Response>();
  target.answer = () => hangs.promise;
  const options = { data: folder.path, environment: { WEBHOOK_INNER: "allow" } };
  await using killed = await startServer(options);
  const webhook = await call(killed.url, "POST", "/v1/webhooks", { url: target.url });
  expect(webhook.status).toBe(201);
  const credit = { postings: [{ from: "@world", to: "1", amount: 1 }] };
  expect((await call(killed.url, "POST", "/v1/transactions", credit)).status).toBe(201);
  await eventually("it is sent", () => target.received.length === 1);
  const dispatchers = childrenOf(killed.pid);
  // Who waits for all that it says would wait for its dispatcher, too.
  killed.signal("SIGKILL");
  await eventually("it is gone", () => identityOf(killed.pid) === null);
  target.answer = () => new Response(null, { status: 204 });
  await using server = await startServer(options);
  await eventually(
    "the next dispatcher sends it again",
    () => target.received.length === 2,
    () => server.output(),
  );
  expect(target.received[1]?.id).toBe(target.received[0]?.id ?? "");
  await eventually("the former is gone", () => dispatchers.every((pid) => identityOf(pid) === null));
  // One that waits for the target until its time is over notes an attempt of its own.
  const path = `/v1/webhooks/${Object(webhook.body).id}/deliveries?state=delivered`;
  const deliveries = async () => Object((await call(server.url, "GET", path)).body).data;
  await eventually("it is noted", async () => (await deliveries()).length === 1);
  expect((await deliveries())[0].attempts).toHaveLength(1);
  await server.stop();
  hangs.resolve(new Response(null));
});
