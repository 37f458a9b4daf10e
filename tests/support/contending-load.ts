import type { Random } from "./random.ts";
import type { Journal } from "./answer-log.ts";

/** The limits of these accounts are changed under load; they are small, so that many debits are refused. */
const CONTESTED_LIMIT = 500;

export interface Load {
  /** No more requests; resolves when those on their way have ended. */
  stop(): Promise<void>;
}

/** Opens the accounts that the load contends for. */
export async function openContested(url: string, journal: Journal): Promise<readonly string[]> {
  const accounts: string[] = [];
  for (let index = 0; index < 3; index += 1) {
    await journal.open(url, CONTESTED_LIMIT);
    const id = journal.openings.at(-1)?.id;
    if (typeof id !== "string") throw new Error("the account was not opened");
    accounts.push(id);
  }
  return accounts;
}

/** Clients that go on until they are stopped or their server is gone, and write down all that they are told. */
export function startLoad(
  url: string,
  journal: Journal,
  accounts: readonly string[],
  random: Random,
  clients = 16,
): Load {
  const state = { stopped: false };
  const going = async (request: () => Promise<boolean>): Promise<void> => {
    while (!state.stopped && (await request())) {
      // On to the next one.
    }
  };
  const transact = async (): Promise<boolean> => {
    const key = random.chance(50) ? `k-${journal.newName()}` : null;
    const wanted = {
      account: random.pick([...accounts, "1"]),
      tipo: random.chance(55) ? "d" : "c",
      valor: random.integer(1, 300),
      key,
    } as const;
    // The same key twice at once has to be applied once.
    return journal.transact(url, wanted, key !== null && random.chance(10));
  };
  const administer = async (): Promise<boolean> => {
    const account = random.pick(accounts);
    await journal.changeLimit(url, account, random.integer(200, 900));
    if (random.chance(20)) await journal.open(url, random.integer(0, 1_000));
    await Bun.sleep(5);
    return true;
  };
  const running = Promise.all([...Array.from({ length: clients }, () => going(transact)), going(administer)]);
  return {
    stop: async () => {
      state.stopped = true;
      await running;
    },
  };
}
