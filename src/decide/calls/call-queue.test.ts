import { expect, test } from "bun:test";
import { bounds } from "../../bounds.ts";
import { CallCycle } from "./call-cycle.ts";
import { CallQueue } from "./call-queue.ts";
import { CallLost } from "./call-errors.ts";

/** No test waits for it. */
const LONG = 60_000;

/** A queue whose calls are answered by hand. */
class Calls {
  readonly made: (readonly number[])[] = [];
  readonly queue: CallQueue<number, number>;
  #answer: (() => void) | null = null;
  #lose: (() => void) | null = null;

  constructor({ lingerMilliseconds = LONG } = {}) {
    this.queue = new CallQueue<number, number>(
      "none",
      () => true,
      (requests) => {
        this.made.push(requests);
        return new Promise((resolve, reject) => {
          this.#answer = () => resolve(requests);
          this.#lose = () => reject(new CallLost("the connection broke"));
        });
      },
      () => 1,
      new CallCycle(lingerMilliseconds),
    );
  }

  submit(...requests: number[]): Promise<number[]> {
    return Promise.all(requests.map((request) => this.queue.submit(request)));
  }

  /** Answers the call that is on its way. */
  async answer(): Promise<void> {
    this.#answer?.();
    await turns();
  }

  async lose(): Promise<void> {
    this.#lose?.();
    await turns();
  }
}

/** Long enough for everything that waits for no timer. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const MANY = Array.from({ length: bounds.linger_requests_min }, (_, index) => index);

test("a request that comes alone is sent at once, and what comes meanwhile is the next call", async () => {
  const calls = new Calls();
  const first = calls.submit(1);
  await turns();
  const others = calls.submit(2, 3);
  await turns();
  expect(calls.made).toEqual([[1]]);
  await calls.answer();
  expect(await first).toEqual([1]);
  expect(calls.made).toEqual([[1], [2, 3]]);
  await calls.answer();
  expect(await others).toEqual([2, 3]);
  // Two that have met by chance are not waited for.
  const last = calls.submit(4);
  await turns();
  expect(calls.made).toEqual([[1], [2, 3], [4]]);
  await calls.answer();
  expect(await last).toEqual([4]);
  expect(calls.queue.idle).toBe(true);
});

test("where several were answered together, the next call waits for as many", async () => {
  const calls = new Calls();
  const first = calls.submit(...MANY);
  await turns();
  await calls.answer();
  expect(await first).toEqual(MANY);
  const others = calls.submit(...MANY.slice(1));
  await turns();
  expect(calls.made).toHaveLength(1);
  const last = calls.submit(99);
  await turns();
  expect(calls.made).toEqual([MANY, [...MANY.slice(1), 99]]);
  await calls.answer();
  expect([...(await others), ...(await last)]).toEqual([...MANY.slice(1), 99]);
});

test("whoever waits then is counted, too", async () => {
  const calls = new Calls();
  const first = calls.submit(1);
  await turns();
  const others = calls.submit(...MANY.slice(1));
  await turns();
  await calls.answer();
  // One was answered, the others wait: together they are enough to wait for one more.
  expect(calls.made).toHaveLength(1);
  const last = calls.submit(99);
  await turns();
  expect(calls.made).toEqual([[1], [...MANY.slice(1), 99]]);
  await calls.answer();
  await Promise.all([first, others, last]);
});

test("those that do not come back are not waited for long, and then not at all", async () => {
  const calls = new Calls({ lingerMilliseconds: 1 });
  const first = calls.submit(...MANY);
  await turns();
  await calls.answer();
  await first;
  const alone = calls.submit(1);
  while (calls.made.length < 2) await Bun.sleep(1);
  expect(calls.made).toEqual([MANY, [1]]);
  await calls.answer();
  await alone;
  const next = calls.submit(2);
  await turns();
  expect(calls.made).toEqual([MANY, [1], [2]]);
  await calls.answer();
  await next;
});

test("what is sent again waits for nobody", async () => {
  const calls = new Calls();
  const first = calls.submit(...MANY);
  await turns();
  await calls.answer();
  await first;
  const others = calls.submit(...MANY);
  await turns();
  await calls.lose();
  while (calls.made.length < 3) await Bun.sleep(1);
  expect(calls.made).toEqual([MANY, MANY, MANY]);
  await calls.answer();
  expect(await others).toEqual(MANY);
});

test("whose time is over has no answer, on its way or waiting; later ones still wait", async () => {
  const calls = new Calls();
  const rejected: number[] = [];
  const submit = (request: number): void => {
    calls.queue.submit(request).catch(() => rejected.push(request));
  };
  const expireAll = async (before: number): Promise<void> => {
    calls.queue.expire(before + bounds.decision_milliseconds_max, "too late");
    await turns();
  };
  submit(1);
  await turns();
  submit(2);
  await Bun.sleep(2);
  const between = performance.now();
  await Bun.sleep(2);
  submit(3);
  await expireAll(between);
  expect(rejected).toEqual([1, 2]);
  await calls.lose();
  while (calls.made.length < 2) await Bun.sleep(1);
  expect(calls.made).toEqual([[1], [3]]);
  await expireAll(performance.now());
  expect(rejected).toEqual([1, 2, 3]);
  expect(calls.queue.idle).toBe(false);
  await calls.answer();
  expect(calls.queue.idle).toBe(true);
});
