import { expect, test } from "bun:test";
import { bounds } from "../../bounds.ts";
import { CallCycle } from "./call-cycle.ts";
import { CallLost } from "./call-errors.ts";
import { CallQueue } from "./call-queue.ts";

/** No test waits for it. */
const LONG = 60_000;

interface Call {
  readonly shard: number;
  readonly requests: readonly number[];
  readonly answer: () => void;
  readonly lose: () => void;
}

/** Queues of shards of one Redis, whose calls are answered by hand. */
function queuesOf(shards: number) {
  const cycle = new CallCycle(LONG);
  const calls: Call[] = [];
  const queues = Array.from(
    { length: shards },
    (_, shard) =>
      new CallQueue<number, number>(
        "none",
        () => true,
        (requests) =>
          new Promise((resolve, reject) => {
            const lose = () => reject(new CallLost("the connection broke"));
            calls.push({ shard, requests, answer: () => resolve(requests), lose });
          }),
        () => 1,
        cycle,
      ),
  );
  return {
    submit: (shard: number, ...requests: readonly number[]) => {
      for (const request of requests) queues[shard]?.submit(request).catch(() => {});
    },
    /** The calls that were made since the last look, oldest first. */
    take: () => calls.splice(0),
  };
}

function told(calls: readonly Call[]) {
  return calls.map(({ shard, requests }) => [shard, requests]);
}

/** Long enough for everything that waits for no timer. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const MANY = Array.from({ length: bounds.linger_requests_min }, (_, index) => index);

test("shards of one Redis are called together, after all calls before have come back", async () => {
  const { submit, take } = queuesOf(3);
  submit(0, 1);
  await turns();
  const [first] = take();
  submit(1, 2);
  submit(2, 3);
  await turns();
  expect(take()).toEqual([]);
  first?.answer();
  await turns();
  const both = take();
  expect(told(both)).toEqual([
    [1, [2]],
    [2, [3]],
  ]);
  submit(1, 5);
  both[1]?.answer();
  await turns();
  expect(take()).toEqual([]);
  both[0]?.answer();
  await turns();
  expect(told(take())).toEqual([[1, [5]]]);
});

test("where several were answered, as many are waited for, whatever shard they are of", async () => {
  const { submit, take } = queuesOf(2);
  submit(0, ...MANY.slice(1));
  submit(1, 0);
  await turns();
  for (const { answer } of take()) answer();
  await turns();
  submit(1, ...MANY.slice(1));
  await turns();
  expect(take()).toEqual([]);
  submit(0, 99);
  await turns();
  expect(told(take())).toEqual([
    [0, [99]],
    [1, MANY.slice(1)],
  ]);
});

test("the others do not wait until a lost call is sent again", async () => {
  const { submit, take } = queuesOf(2);
  submit(0, 1);
  submit(1, 2);
  await turns();
  const [lost, answered] = take();
  submit(1, 3);
  answered?.answer();
  lost?.lose();
  await turns();
  const [other] = take();
  expect([other?.shard, other?.requests]).toEqual([1, [3]]);
  // Its turn comes when that call is back, though its own time comes earlier.
  await Bun.sleep(2 * bounds.resend_milliseconds);
  expect(take()).toEqual([]);
  other?.answer();
  await turns();
  expect(told(take())).toEqual([[0, [1]]]);
});
