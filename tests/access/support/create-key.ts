import { z } from "zod";
import { razonete } from "./razonete.ts";

/** @returns the token of the new key */
export function createKey(
  target: readonly string[],
  name = "shop",
  environment: Readonly<Record<string, string>> = {},
): string {
  const args = ["keys", "create", "--name", name, "--scopes", "accounts:read", "--json", ...target];
  const { exitCode, stdout, stderr } = razonete(args, environment);
  if (exitCode !== 0) throw new Error(`razonete keys create: ${stderr}`);
  return z.object({ key: z.string() }).parse(JSON.parse(stdout)).key;
}
