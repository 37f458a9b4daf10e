import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BenchTarget, TargetLocation } from "./bench-target.ts";
import { startMeasuredServer } from "./measured-server.ts";
import { commandOf } from "./stack-target.ts";

export interface EmbeddedTarget extends BenchTarget {
  residentBytes(): number;
  readonly file: string;
}

/**
 * Starts the embedded ledger of a checkout.
 *
 * @throws StartError if it does not start
 */
export async function startEmbeddedTarget(
  name: string,
  checkout: string,
  { folder, group, environment }: TargetLocation,
): Promise<EmbeddedTarget> {
  const [bun, main] = commandOf(checkout);
  const command = [bun, main, "serve", "--port", "0", "--data", folder];
  const target = await startServer(
    name,
    "ledger",
    [...(group?.commandPrefix ?? []), ...command],
    environment,
  );
  return { ...target, file: join(folder, "razonete.db") };
}

/** The lower bound: one bare server, asked directly. */
export function startBareServer({ group }: TargetLocation): Promise<BenchTarget> {
  const source = fileURLToPath(new URL("bare-server.ts", import.meta.url));
  return startServer("bare", "bare", [...(group?.commandPrefix ?? []), process.execPath, source]);
}

/** @param command see startMeasuredServer */
export async function startServer(
  name: string,
  process: string,
  command: readonly string[],
  environment?: Readonly<Record<string, string>>,
) {
  const server = await startMeasuredServer(command, environment);
  return {
    name,
    url: server.url,
    processes: () => [{ name: process, pid: server.pid }],
    // It answers when all is done.
    settle: () => Promise.resolve(),
    stop: () => server.stop(),
    residentBytes: () => server.residentBytes(),
  };
}
