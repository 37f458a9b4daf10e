import { describe, setDefaultTimeout } from "bun:test";
import { Cluster } from "../support/cluster.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { httpSuite } from "./http-suite.ts";

failOnLeaks();
setDefaultTimeout(60_000);

/** The whole suite through HAProxy, which hands each request to the other one of two APIs. */
describe.skipIf(serversMissing !== null)("real servers", () => {
  httpSuite("a cluster behind HAProxy", async () => {
    const cluster = await Cluster.start();
    return { url: cluster.url, fresh: true, stop: () => cluster[Symbol.asyncDispose]() };
  });
});
