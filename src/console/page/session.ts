import { beside } from "./beside.ts";
import { accessKey, observeAnswers, type Problem, read, setAccessKey } from "./api.ts";
import { Store, useStore } from "./store.ts";
import { noteClock } from "./time.ts";
import type { KeyFacts } from "./types.ts";

/** Who looks, and what that one may do. */
export type Session =
  | { readonly type: "starting" }
  /** `why` is null where no key was given yet. */
  | { readonly type: "signed-out"; readonly why: Problem | null }
  | { readonly type: "in"; readonly key: KeyFacts };

export const session = new Store<Session>({ type: "starting" });
/** Whether the last request got an answer. */
export const reachable = new Store(true);

const OPEN: KeyFacts = { name: null, scopes: ["admin"], accounts: "*" };
const AGAIN_MILLISECONDS = 1_500;

observeAnswers((response) => {
  reachable.set(response !== null);
  if (response === null) return;
  noteClock(response.headers.get("date"));
  if (response.status === 401 && session.value.type === "in") {
    const had = accessKey() !== null;
    setAccessKey(null);
    session.set({ type: "signed-out", why: had ? { name: "key-invalid", status: 401, detail: "" } : null });
  }
});

/** Asks what the key allows, until there is an answer. */
export async function startSession(): Promise<void> {
  const answer = await read<KeyFacts>("/v1/key");
  if (answer.ok) {
    session.set({ type: "in", key: answer.value });
    return;
  }
  const { problem } = answer;
  if (problem.status === 401) {
    const had = accessKey() !== null;
    setAccessKey(null);
    session.set({ type: "signed-out", why: had ? problem : null });
  } else if (problem.status === 404) {
    session.set({ type: "in", key: OPEN });
  } else {
    // The ledger is away, which is what the views tell; of what a key allows it is the judge in any case.
    if (session.value.type === "starting") session.set({ type: "in", key: OPEN });
    setTimeout(() => beside(startSession()), AGAIN_MILLISECONDS);
  }
}

export async function signIn(key: string): Promise<void> {
  setAccessKey(key);
  await startSession();
}

export function signOut(): void {
  setAccessKey(null);
  session.set({ type: "starting" });
  beside(startSession());
}

/** @returns the first of the scopes that the key has not; null where it has them all */
export function useMissing(scopes: readonly string[]): string | null {
  const now = useStore(session);
  if (now.type !== "in") return scopes[0] ?? null;
  return missingOf(now.key, scopes);
}

export function missingOf({ scopes: has }: KeyFacts, scopes: readonly string[]): string | null {
  return has.includes("admin") ? null : (scopes.find((scope) => !has.includes(scope)) ?? null);
}
