import { beside } from "./beside.ts";
import { eventsIn } from "../../../client/src/event-stream.ts";
import { ask, pathOf } from "./api.ts";
import { missingOf, session } from "./session.ts";
import { Store } from "./store.ts";
import type { LedgerEvent } from "./types.ts";

/**
 * One connection for the whole page, to `/v1/events`. What comes is handed on in bundles, since a busy ledger tells of a
 * thousand events a second and nobody reads so fast. Nothing is kept but the latest, whose number is bounded.
 *
 * `live`: it listens. `lost`: it tries to again. `off`: this key or this server has no events; then views are told to read
 * anew now and then.
 */
export type LiveState = "connecting" | "live" | "lost" | "off";

export const liveState = new Store<LiveState>("connecting");
/** Newest first. */
export const recentEvents = new Store<readonly LedgerEvent[]>([]);

export type Told =
  | { readonly type: "events"; readonly events: readonly LedgerEvent[] }
  /** Something may have been missed: what is shown has to be read anew. */
  | { readonly type: "refresh" };

const RECENT_MAX = 200;
/** Of one bundle; where more come at once, views read anew in place of following each. */
const BUNDLE_MAX = 2_000;
const BUNDLE_MILLISECONDS = 200;
const AGAIN_MILLISECONDS = 1_000;
const WITHOUT_EVENTS_MILLISECONDS = 3_000;

const listeners = new Set<(told: Told) => void>();
let bundle: LedgerEvent[] = [];
let timer: ReturnType<typeof setTimeout> | null = null;
let running: AbortController | null = null;

export function onLive(listener: (told: Told) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Listens while somebody is signed in and looks at the page. */
export function followLedger(): void {
  const decide = (): void => {
    const wanted = session.value.type === "in" && document.visibilityState === "visible";
    if (wanted && running === null) {
      running = new AbortController();
      beside(listen(running.signal));
    } else if (!wanted && running !== null) {
      running.abort();
      running = null;
    }
    if (session.value.type !== "in") recentEvents.set([]);
  };
  session.listen(decide);
  document.addEventListener("visibilitychange", decide);
  decide();
}

async function listen(signal: AbortSignal): Promise<void> {
  liveState.set("connecting");
  let cursor: string | null = null;
  let first = true;
  while (!signal.aborted) {
    try {
      if (mayNot()) throw new NoEvents();
      const headers = {
        accept: "text/event-stream",
        ...(cursor === null ? {} : { "last-event-id": cursor }),
      };
      const path = pathOf(["v1", "events"], { after: cursor === null ? "latest" : null });
      const { body, status } = await ask(path, { headers, signal });
      if (status === 410) cursor = null;
      if (status === 401 || status === 403 || status === 404) throw new NoEvents();
      if (status === 200 && body !== null) {
        liveState.set("live");
        // What was there before this connection may have changed before it, too.
        if (cursor === null) tell({ type: "refresh" });
        for await (const event of eventsIn(body)) {
          cursor = event.id;
          note(JSON.parse(event.data));
        }
      }
    } catch (error) {
      if (error instanceof NoEvents) {
        liveState.set("off");
        await pause(WITHOUT_EVENTS_MILLISECONDS, signal);
        if (!signal.aborted) tell({ type: "refresh" });
        continue;
      }
    }
    if (signal.aborted) return;
    liveState.set("lost");
    await pause(first ? 0 : AGAIN_MILLISECONDS, signal);
    first = false;
  }
}

class NoEvents extends Error {}

function mayNot(): boolean {
  const now = session.value;
  return now.type !== "in" || missingOf(now.key, ["events:read"]) !== null;
}

function note(event: LedgerEvent): void {
  bundle.push(event);
  timer ??= setTimeout(handOn, BUNDLE_MILLISECONDS);
}

function handOn(): void {
  timer = null;
  const events = bundle;
  bundle = [];
  recentEvents.set([...events.slice(-RECENT_MAX).toReversed(), ...recentEvents.value].slice(0, RECENT_MAX));
  tell(events.length > BUNDLE_MAX ? { type: "refresh" } : { type: "events", events });
}

function tell(told: Told): void {
  for (const listener of listeners) listener(told);
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((done) => {
    const waiting = setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(waiting);
      done();
    });
  });
}
