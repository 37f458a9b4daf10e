import { resolve } from "node:path";
import { startBareTarget } from "./bare-target.ts";
import type { BenchEnvironment } from "./bench-environment.ts";
import type { BenchTarget, TargetLocation } from "./bench-target.ts";
import { startBareServer, startEmbeddedTarget } from "./embedded-target.ts";
import type { TargetPair } from "./ratios.ts";
import { commandOf, startStackTarget, THIS_CHECKOUT } from "./stack-target.ts";

/** The two shapes of the product. */
export const SHAPES = ["embedded", "cluster"] as const;
export type Shape = (typeof SHAPES)[number];

/** @throws StartError if it does not start */
export function startBare(shape: Shape, location: TargetLocation): Promise<BenchTarget> {
  return shape === "embedded" ? startBareServer(location) : startBareTarget(location);
}

/** @throws StartError if it does not start */
export function startLedger(
  shape: Shape,
  name: string,
  checkout: string,
  location: TargetLocation,
  signal: AbortSignal,
): Promise<BenchTarget> {
  return shape === "embedded"
    ? startEmbeddedTarget(name, checkout, location)
    : startStackTarget(name, checkout, location, signal);
}

/**
 * Starts the ledger of this checkout as `this`, and that of another one as `against`.
 *
 * @throws StartError if one does not start
 */
export async function startLedgers(
  shape: Shape,
  against: string | undefined,
  cpus: number,
  environment: BenchEnvironment,
  signal: AbortSignal,
): Promise<BenchTarget[]> {
  const checkouts = new Map([["this", THIS_CHECKOUT]]);
  if (against !== undefined) checkouts.set("against", resolve(against));
  const targets: BenchTarget[] = [];
  for (const [name, checkout] of checkouts) {
    signal.throwIfAborted();
    targets.push(
      await environment.start(`${shape}-${name}-${cpus}`, cpus, (location) =>
        startLedger(shape, name, checkout, location, signal),
      ),
    );
  }
  return targets;
}

/** Checked before anything is started. @throws StartError if the folder is no checkout */
export function checkAgainst(against: string | undefined): void {
  if (against !== undefined) commandOf(resolve(against));
}

/** Each ledger beside the bare servers, and this one beside the other. */
export function pairsOf(targets: readonly BenchTarget[]): readonly TargetPair[] {
  const names = targets.map(({ name }) => name);
  const toBare: TargetPair[] = names.filter((name) => name !== "bare").map((name) => [name, "bare"]);
  return names.includes("against") ? [...toBare, ["this", "against"]] : toBare;
}
