import { expect, test } from "bun:test";
import { join } from "node:path";
import { failOnLeaks } from "../support/leaks.ts";
import { startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { contestSuite, passesTheContest } from "./contest-suite.ts";

failOnLeaks();
contestSuite(0.1, 6138);

test.skipIf(serversMissing !== null)(
  "so does a stack of three shards, each on three nodes of Redis",
  async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    await using stack = await startStack({ data, real: true, flags: ["--shards", "3", "--replicas", "2"] });
    await passesTheContest(stack.url, 0.02, 1227);
    const nodes = stack.description().processes.filter(({ shards }) => shards !== undefined);
    expect(nodes.filter(({ role }) => role === "primary")).toHaveLength(3);
    expect(nodes.filter(({ role }) => role === "replica")).toHaveLength(6);
  },
  150_000,
);
