import { expect, setDefaultTimeout, test } from "bun:test";
import { UndecidedWatch } from "../../src/stack/nodes/undecided.ts";
import { eventually } from "../support/eventually.ts";

/** What a stack tells of shards that do not decide, by what its APIs answer on /readyz. */

setDefaultTimeout(60_000);

/** An API, and how it is. */
class Readiness {
  answer: object = { status: "ready" };
  status = 200;
  readonly server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => Response.json(this.answer, { status: this.status }),
  });
  readonly plan = {
    name: "api",
    kind: "api" as const,
    command: [],
    environment: { HOST: "127.0.0.1", PORT: String(this.server.port) },
    probe: () => Promise.resolve(null),
  };

  isNotReady(detail: string): void {
    this.status = 503;
    this.answer = {
      type: "urn:razonete:problem:not-ready",
      detail: `Send requests to another instance: ${detail}`,
    };
  }
}

test("a shard that does not decide, what is to be done, and that it is over", async () => {
  const [first, second] = [new Readiness(), new Readiness()];
  const lines: string[] = [];
  const advice = new Map<number | null, string>();
  const watch = new UndecidedWatch(
    [first.plan, second.plan],
    (line) => lines.push(line),
    (shard) => Promise.resolve(advice.get(shard) ?? null),
  );
  const says = (line: RegExp): Promise<void> =>
    eventually(
      `it says ${line}`,
      () => lines.some((each) => line.test(each)),
      () => lines,
    );
  watch.start();
  try {
    const undecided = [{ shard: 2, reason: "its primary is away", advice: "Start redis." }];
    first.answer = second.answer = { status: "ready", undecided };
    await says(/^Shard 2 does not decide: its primary is away\. Start redis\.$/);
    advice.set(null, "The stack starts them again.");
    first.isNotReady("Redis does not answer.");
    second.isNotReady("Redis does not answer.");
    await says(/^The ledger does not decide: Redis does not answer\. The stack starts them again\.$/);
    // What one of them decides is decided.
    second.answer = { status: "ready" };
    second.status = 200;
    await says(/^The ledger decides again, after \d+ s\.$/);
    expect(lines.map((line) => line.replace(/[,:].*/, ""))).toEqual([
      "Shard 2 does not decide",
      "The ledger does not decide",
      "Shard 2 decides again",
      "The ledger decides again",
    ]);
  } finally {
    await watch.stop();
    await Promise.all([first, second].map(({ server }) => server.stop(true)));
  }
});
