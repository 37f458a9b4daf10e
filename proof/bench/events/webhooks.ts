import { fileURLToPath } from "node:url";
import { bounds } from "../../../src/bounds.ts";
import { StartError } from "../../../src/errors.ts";
import { type BenchContext, BenchEnvironment } from "../bench-environment.ts";
import { type BenchTarget, cpuSince, readCpu, type TargetLocation } from "../bench-target.ts";
import { startEmbeddedTarget } from "../embedded-target.ts";
import { type Noise, noiseNotes, watchNoise } from "../machine-noise.ts";
import { type MeasuredServer, startMeasuredServer } from "../measured-server.ts";
import { openAccounts } from "../open-accounts.ts";
import { readStats } from "../process-cpu.ts";
import type { Shape } from "../shapes.ts";
import { startStackTarget, THIS_CHECKOUT } from "../stack-target.ts";
import { formatSpread, grouped, ratioOf, spreadOf } from "../statistics.ts";
import { aligned } from "../tables.ts";

export interface WebhooksBenchOptions {
  readonly shapes: readonly Shape[];
  readonly rounds: number;
  /** Events of a round, each sent to every webhook. */
  readonly events: number;
  /** Accounts that they are of, in turn: events of one account are sent one after the other. */
  readonly accounts: number;
  /** Numbers of webhooks. */
  readonly webhooks: readonly number[];
  readonly cpus: number;
}

export interface WebhooksSample {
  /** Sent by the dispatcher, and by the bare poster that is measured in the same round. */
  readonly dispatched: Sending;
  readonly plain: Sending;
  /** CPU of each process of the ledger for a delivery, in microseconds. */
  readonly cpuMicrosecondsByProcess: Readonly<Record<string, number>>;
  readonly noise: Noise;
}

interface Sending {
  readonly deliveries: number;
  readonly perSecond: number;
  /** Of the process that sends, for one of them. */
  readonly cpuMicroseconds: number;
}

export interface WebhooksComparison {
  readonly shape: Shape;
  readonly webhooks: number;
  readonly samples: readonly WebhooksSample[];
}

const BATCH = 250;
const POLL_MILLISECONDS = 20;
const WAIT_SECONDS_MAX = 300;
const SETTINGS = { WEBHOOK_INNER: "allow" } as const;

/**
 * Measures how many webhooks a second are sent, and what one costs, beside a bare program that posts the same bodies to the
 * same receiver. Webhooks are paused while their events are made, so that nothing but sending is measured; what is sent is
 * signed, in order for each account, and noted.
 *
 * @throws StartError if something does not start, or a delivery does not come
 */
export async function benchWebhooks(
  options: WebhooksBenchOptions,
  context: BenchContext,
): Promise<readonly WebhooksComparison[]> {
  const { say, signals } = context;
  await using environment = new BenchEnvironment(context);
  const receiver = await startMeasuredServer([process.execPath, sourceOf("webhook-receiver.ts")]);
  const comparisons: WebhooksComparison[] = [];
  say(
    `${options.rounds} rounds of ${options.events} events of ${options.accounts} accounts; medians (least to greatest)\n`,
  );
  try {
    for (const shape of options.shapes) {
      for (const count of options.webhooks) {
        const target = await environment.start(`${shape}-${count}`, options.cpus, (location) =>
          startTarget(shape, { ...location, environment: SETTINGS }, signals.stop),
        );
        const samples = await measureTarget(target, receiver, count, options, signals.stop);
        comparisons.push({ shape, webhooks: count, samples });
        const title = `${shape}, ${count} ${count === 1 ? "webhook" : "webhooks"}`;
        for (const line of [title, ...describe(samples), ""]) say(line);
        await environment.end(target);
      }
    }
  } finally {
    await receiver.stop();
  }
  return comparisons;
}

async function measureTarget(
  target: BenchTarget,
  receiver: MeasuredServer,
  count: number,
  { rounds, events, accounts }: WebhooksBenchOptions,
  signal: AbortSignal,
): Promise<WebhooksSample[]> {
  await openAccounts(target.url, accounts);
  const webhooks = await createWebhooks(target.url, receiver.url, count);
  const poster = startPoster(receiver.url, count * bounds.webhook_requests_max);
  const samples: WebhooksSample[] = [];
  try {
    // The first one is for the compilers of both, and not counted.
    for (let round = 0; round <= rounds; round += 1) {
      const noise = watchNoise();
      const before = receiver.cpuMicroseconds();
      const sent = await dispatch(target, receiver, webhooks, { events, accounts, signal });
      const plain = await poster.post(() => receiptOf(receiver));
      if (plain.deliveries !== sent.dispatched.deliveries)
        throw new StartError(`${plain.deliveries} bodies were posted, and not ${events * count}.`);
      const used =
        sent.cpuMicroseconds + plain.cpuMicroseconds * plain.deliveries + receiver.cpuMicroseconds();
      const { dispatched, cpuMicrosecondsByProcess } = sent;
      if (round > 0)
        samples.push({ dispatched, plain, cpuMicrosecondsByProcess, noise: noise(used - before) });
    }
  } finally {
    await poster.stop();
  }
  return samples;
}

async function startTarget(
  shape: Shape,
  location: TargetLocation,
  signal: AbortSignal,
): Promise<BenchTarget> {
  if (shape === "cluster") return startStackTarget("this", THIS_CHECKOUT, location, signal);
  const target = await startEmbeddedTarget("this", THIS_CHECKOUT, location);
  const [ledger] = target.processes();
  if (ledger === undefined) throw new Error("the embedded ledger has no process");
  return {
    ...target,
    processes: () => [
      { ...ledger, withoutChildren: true },
      // There is one from the first webhook on.
      ...readStats()
        .filter(({ parent }) => parent === ledger.pid)
        .map(({ pid }) => ({ name: "dispatch", pid })),
    ],
  };
}

/** Makes events while the webhooks are paused, then lets them go. */
async function dispatch(
  target: BenchTarget,
  receiver: MeasuredServer,
  webhooks: readonly string[],
  { events, accounts, signal }: { events: number; accounts: number; signal: AbortSignal },
) {
  await setState(target.url, webhooks, "paused");
  await makeEvents(target.url, events, accounts);
  await target.settle();
  await asked(receiver.url, "DELETE");
  const before = readCpu(target);
  await setState(target.url, webhooks, "active");
  const deadline = performance.now() + WAIT_SECONDS_MAX * 1000;
  const wanted = events * webhooks.length;
  while ((await receiptOf(receiver)).count < wanted || (await backlogOf(target.url)) > 0) {
    signal.throwIfAborted();
    if (performance.now() > deadline) {
      const { count } = await receiptOf(receiver);
      throw new StartError(`${count} of ${wanted} deliveries came in ${WAIT_SECONDS_MAX} s.`);
    }
    await Bun.sleep(POLL_MILLISECONDS);
  }
  const used = cpuSince(target, before);
  const receipt = await receiptOf(receiver);
  const cpuMicrosecondsByProcess = Object.fromEntries(
    [...used].map(([name, microseconds]) => [name, microseconds / receipt.count]),
  );
  const cpuMicroseconds = [...used.values()].reduce((sum, each) => sum + each, 0);
  const own = Object.entries(cpuMicrosecondsByProcess).filter(([name]) => name.startsWith("dispatch"));
  const dispatched = sendingOf(
    receipt,
    own.reduce((sum, [, each]) => sum + each, 0),
  );
  return { dispatched, cpuMicrosecondsByProcess, cpuMicroseconds };
}

async function makeEvents(url: string, events: number, accounts: number): Promise<void> {
  for (let first = 0; first < events; first += BATCH) {
    const commands = Array.from({ length: Math.min(BATCH, events - first) }, (_, index) => {
      const to = `bench-${((first + index) % accounts) + 1}`;
      return { op: "transaction", body: { postings: [{ from: "@world", to, amount: 1 }] } };
    });
    await asked(`${url}/v1/batches`, "POST", { atomic: false, commands });
  }
}

async function createWebhooks(url: string, receiver: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const content = { url: `${receiver}/hook/${index}`, types: ["transaction.created"] };
    const { id }: { id: string } = JSON.parse(await asked(`${url}/v1/webhooks`, "POST", content));
    ids.push(id);
  }
  return ids;
}

async function setState(url: string, webhooks: readonly string[], state: string): Promise<void> {
  await Promise.all(webhooks.map((id) => asked(`${url}/v1/webhooks/${id}`, "PATCH", { state })));
}

/** What waits at all webhooks together. */
async function backlogOf(url: string): Promise<number> {
  const { data }: { data: readonly { backlog: number }[] } = JSON.parse(
    await asked(`${url}/v1/webhooks?limit=100`, "GET"),
  );
  return data.reduce((sum, { backlog }) => sum + backlog, 0);
}

/** @throws StartError if it is refused */
async function asked(url: string, method: string, body?: object): Promise<string> {
  const response = await fetch(url, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new StartError(`${method} ${url} was answered ${response.status} ${text}`);
  return text;
}

interface Receipt {
  readonly count: number;
  readonly milliseconds: number;
}

async function receiptOf({ url }: MeasuredServer): Promise<Receipt> {
  return JSON.parse(await asked(url, "GET"));
}

function sendingOf({ count, milliseconds }: Receipt, cpuMicroseconds: number): Sending {
  return { deliveries: count, perSecond: ((count - 1) / milliseconds) * 1000, cpuMicroseconds };
}

/** What posts the same bodies with fetch, and does nothing else. */
function startPoster(url: string, atOnce: number) {
  const child = Bun.spawn([process.execPath, sourceOf("plain-poster.ts"), url, String(atOnce)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const said = child.stdout.getReader();
  return {
    post: async (receipt: () => Promise<Receipt>): Promise<Sending> => {
      await child.stdin.write("again\n");
      await child.stdin.flush();
      const { value, done } = await said.read();
      if (done) throw new StartError("what posts the same bodies ended.");
      const took = await receipt();
      return sendingOf(took, Number(new TextDecoder().decode(value)) / took.count);
    },
    stop: async (): Promise<void> => {
      await child.stdin.end();
      await child.exited;
    },
  };
}

function sourceOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

function describe(samples: readonly WebhooksSample[]): string[] {
  const of = (metric: (sample: WebhooksSample) => number): number[] => samples.map(metric);
  const rates = [of(({ dispatched }) => dispatched.perSecond), of(({ plain }) => plain.perSecond)] as const;
  const cpus = [
    of(({ dispatched }) => dispatched.cpuMicroseconds),
    of(({ plain }) => plain.cpuMicroseconds),
  ] as const;
  const row = (name: string, index: 0 | 1): string[] => [
    name,
    formatSpread(spreadOf(rates[index]), 0),
    formatSpread(spreadOf(cpus[index]), 1),
  ];
  const names = Object.keys(samples[0]?.cpuMicrosecondsByProcess ?? {});
  const processes = names.map((name) => {
    const { median } = spreadOf(of(({ cpuMicrosecondsByProcess }) => cpuMicrosecondsByProcess[name] ?? 0));
    return `${name} ${grouped(median, 1)}`;
  });
  return [
    ...aligned([
      ["", "deliveries a second", "CPU µs each"],
      row("dispatched", 0),
      row("posted with fetch", 1),
      ["ratio", formatSpread(ratioOf(...rates), 2), formatSpread(ratioOf(...cpus), 2)],
    ]),
    `  CPU µs of a delivery, by process: ${processes.join(", ")}`,
    ...noiseNotes(samples.map(({ noise }) => noise)).map((note) => `  ${note}`),
  ];
}
