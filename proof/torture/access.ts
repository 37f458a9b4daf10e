import type { ClientLoad } from "./clients/client-load.ts";
import { ClientKeys } from "./clients/client-keys.ts";
import { Random } from "./plan/random.ts";
import { tortureBounds } from "./torture-bounds.ts";
import type { SystemUnderTest } from "./system/system-under-test.ts";

/** Among them what ids begin with: a name must not pass for a part of one. */
const NAMES = ["shop", "key", "bat-2"] as const;
const LATER_NAME = "shop-2";
/** So many requests reach each API. */
const REVOKED_REQUESTS = 4;

/**
 * Makes the access keys of a run, and waits until they count everywhere.
 *
 * @returns those of the clients
 */
export async function makeKeys(system: SystemUnderTest, seed: number): Promise<ClientKeys> {
  // Not one of the clients', so that it is never revoked.
  await system.createKey("operator");
  const keys: { name: string; token: string }[] = [];
  for (const name of NAMES) keys.push({ name, token: await system.createKey(name) });
  await Bun.sleep(tortureBounds.key_known_milliseconds_max);
  return new ClientKeys(new Random(seed), keys);
}

/** Under load, with nothing harmed: a key is revoked and another one made, and once both count everywhere, the old one is tried. */
export async function exchangeKey(
  system: SystemUnderTest,
  load: ClientLoad,
  keys: ClientKeys,
): Promise<void> {
  const added = { name: LATER_NAME, token: await system.createKey(LATER_NAME) };
  const { name } = keys.isRevoked();
  await system.revokeKey(name);
  keys.wasRevoked(performance.now());
  // Some more: what is sent just then may be sent a moment sooner.
  await Bun.sleep(tortureBounds.key_known_milliseconds_max + 100);
  keys.add(added);
  for (let times = 0; times < REVOKED_REQUESTS; times += 1) await load.useRevoked();
}
