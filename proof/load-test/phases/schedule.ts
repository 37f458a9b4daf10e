import {
  RAMP_SECONDS,
  STEADY_SECONDS,
  LOAD_STREAMS,
  type LoadKind,
  type LoadStream,
} from "../contest-rules.ts";

/** Length and rate of the load, as multiples of the contest's. */
export interface LoadShape {
  readonly scale: number;
  readonly rate: number;
}

export interface DueRequest {
  readonly kind: LoadKind;
  /** Milliseconds since the start of the ramp. */
  readonly atMs: number;
}

export function rampSeconds(shape: LoadShape): number {
  return RAMP_SECONDS * shape.scale;
}

export function loadSeconds(shape: LoadShape): number {
  return (RAMP_SECONDS + STEADY_SECONDS) * shape.scale;
}

/**
 * When the requests of the ramp and the steady phase are due, in order of time. Nothing is stored. The number in each
 * second is what Gatling injects with `rampUsersPerSec` and `constantUsersPerSec`: the requests that the rate adds up
 * to by the end of the second, rounded down, minus those sent before. Within the second they are evenly spaced.
 */
export function* schedule(shape: LoadShape): Generator<DueRequest, void> {
  const streams = LOAD_STREAMS.map((stream) => dueTimes(stream, shape));
  const heads = streams.map((stream) => next(stream));
  for (;;) {
    let first = -1;
    for (const [index, head] of heads.entries()) {
      if (head !== null && head.atMs < (heads[first]?.atMs ?? Infinity)) first = index;
    }
    const due = heads[first];
    const stream = streams[first];
    if (due === undefined || due === null || stream === undefined) return;
    heads[first] = next(stream);
    yield due;
  }
}

/** How many requests `schedule` yields. */
export function scheduledRequests(shape: LoadShape): number {
  let count = 0;
  for (const stream of LOAD_STREAMS) {
    for (const [, second] of seconds(stream, shape)) count += second.requests;
  }
  return count;
}

/** Requests a second that are due at this time, of all kinds together. */
export function rateAt(shape: LoadShape, second: number): number {
  const done = Math.min(1, Math.max(0, second / rampSeconds(shape)));
  return LOAD_STREAMS.reduce((sum, { from, to }) => sum + (from + (to - from) * done) * shape.rate, 0);
}

function* dueTimes(stream: LoadStream, shape: LoadShape): Generator<DueRequest, void> {
  for (const [start, { length, requests }] of seconds(stream, shape)) {
    for (let index = 0; index < requests; index++) {
      yield { kind: stream.kind, atMs: (start + (length * index) / requests) * 1000 };
    }
  }
}

interface SecondOfLoad {
  /** In seconds: 1, or less at the end of a phase whose length is not a whole number of seconds. */
  readonly length: number;
  readonly requests: number;
}

function* seconds(stream: LoadStream, shape: LoadShape): Generator<[start: number, SecondOfLoad], void> {
  const from = stream.from * shape.rate;
  const to = stream.to * shape.rate;
  const ramp = rampSeconds(shape);
  const steady = STEADY_SECONDS * shape.scale;
  yield* phase(0, ramp, (t) => from * t + ((to - from) * t * t) / (2 * ramp));
  yield* phase(ramp, steady, (t) => to * t);
}

/** @param made how many requests the rate adds up to by `t` seconds into the phase */
function* phase(
  start: number,
  length: number,
  made: (t: number) => number,
): Generator<[start: number, SecondOfLoad], void> {
  let before = 0;
  for (let second = 0; second < length; second++) {
    const end = Math.min(second + 1, length);
    // Rounded first: a sum of fractions that should be a whole number may be slightly below it.
    const after = Math.floor(Math.round(made(end) * 1e6) / 1e6);
    yield [start + second, { length: end - second, requests: after - before }];
    before = after;
  }
}

function next(stream: Generator<DueRequest, void>): DueRequest | null {
  const step = stream.next();
  return step.done === true ? null : step.value;
}
