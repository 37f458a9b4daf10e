import { isFree } from "../../../src/stack/ports.ts";

/**
 * Ports for the tests' servers. Below those that stacks choose from, and below those that Linux gives to connections, so
 * that neither takes the port of a server that restarts. The workers of a test run choose at the same moment, and a server
 * listens some time later: so each has a part of its own, and hands out no port twice.
 */
const FIRST_PORT = 10_000;
const PARTS = 5;
const PART_PORTS = 2_000;

/** Each worker has a number of its own; 0 where there are none. */
const part = Number(process.env["BUN_TEST_WORKER_ID"] ?? 0) % PARTS;

// Test runs beside this one begin elsewhere, most likely.
let next = Math.floor(Math.random() * PART_PORTS);

/** `count` different ports on 127.0.0.1 on which nobody listens. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  for (let tries = 0; found.length < count; tries += 1) {
    if (tries === PART_PORTS) throw new Error("no port is free");
    const port = FIRST_PORT + part * PART_PORTS + next;
    next = (next + 1) % PART_PORTS;
    if (await isFree(port)) found.push(port);
  }
  return found;
}
