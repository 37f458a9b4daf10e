import { expect } from "bun:test";
import { eventually } from "../../support/eventually.ts";
import { Load } from "./keyed-load.ts";
import type { SharedStack } from "./shared-stack.ts";

/** What becomes of requests under load while APIs, stand-ins of them, are killed or restarted behind HAProxy. */

export interface Answer {
  /** Of the API. */
  readonly pid: string;
  readonly id: string;
}

export async function ask(url: string, body: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, { method: "POST", body, headers });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const { pid, id } = Object(await response.json());
  return { pid: String(pid), id: String(id) };
}

/** The path of a request, by its body. */
type PathOf = (body: string) => string;

const atRoot: PathOf = () => "/";

const KILL_ROUNDS_MAX = 10;

/**
 * Kills these APIs one after the other.
 *
 * @throws an assertion's error if a request fails, or one that was sent twice has two ids
 */
export async function killUnderLoad(
  stack: SharedStack,
  names: readonly string[],
  pathOf: PathOf = atRoot,
): Promise<void> {
  // Where nothing was on its way when they were killed, nothing was tested, and they are killed again.
  let sentTwice = 0;
  for (let round = 0; round < KILL_ROUNDS_MAX && sentTwice === 0; round += 1)
    sentTwice = await killOnce(stack, names, pathOf);
  expect(sentTwice).toBeGreaterThan(0);
}

/** @returns how many requests were sent twice */
async function killOnce(
  { stack, takeSeen }: SharedStack,
  names: readonly string[],
  pathOf: PathOf,
): Promise<number> {
  takeSeen();
  const load = new Load(async (body) => (await ask(stack.url + pathOf(body), body)).pid);
  for (const name of names) {
    await load.more(200);
    const pid = stack.pid(name);
    process.kill(pid, "SIGKILL");
    await eventually(`${name} is back`, () => stack.pid(name) !== pid);
    await load.until(String(stack.pid(name)));
  }
  const answered = await load.stop();
  expect(load.failures).toEqual([]);
  const idsOf = new Map<string, Set<string>>();
  let applications = 0;
  for (const { id, body } of takeSeen()) {
    idsOf.set(body, (idsOf.get(body) ?? new Set()).add(id));
    applications += 1;
  }
  expect(idsOf.size).toBe(answered);
  expect([...idsOf].filter(([, ids]) => ids.size > 1)).toEqual([]);
  return applications - answered;
}

/**
 * Restarts these APIs in order.
 *
 * @throws an assertion's error if a request fails, or is sent twice
 */
export async function restartUnderLoad(
  { stack, takeSeen }: SharedStack,
  names: readonly string[],
  pathOf: PathOf = atRoot,
): Promise<void> {
  takeSeen();
  const load = new Load(async (body) => (await ask(stack.url + pathOf(body), body)).pid);
  for (const name of names) {
    const pid = stack.pid(name);
    process.kill(pid, "SIGTERM");
    await eventually(`${name} is back`, () => stack.pid(name) !== pid);
    await load.until(String(stack.pid(name)));
  }
  const answered = await load.stop();
  expect(load.failures).toEqual([]);
  expect(takeSeen()).toHaveLength(answered);
}
