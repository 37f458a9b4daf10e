import { beside } from "./beside.ts";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type Answer, type Problem, read } from "./api.ts";
import { onLive, type Told } from "./live.ts";
import type { LedgerEvent, List } from "./types.ts";

/** What a view reads, and how it follows what happens. */

const AGAIN_MILLISECONDS = 2_000;

export interface Read<T> {
  readonly value: T | null;
  readonly problem: Problem | null;
  /** Reads it again; what is shown stays until the answer is there. */
  readonly reload: () => void;
  /** Changes what is shown by what an event told. */
  readonly change: (by: (value: T) => T) => void;
}

/** @param path null: nothing to read */
export function useRead<T>(path: string | null): Read<T> {
  const [state, setState] = useState<{ path: string | null; answer: Answer<T> | null }>({
    path,
    answer: null,
  });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === null) return;
    const given = new AbortController();
    let again: ReturnType<typeof setTimeout> | undefined;
    beside(
      read<T>(path, given.signal).then((answer) => {
        if (given.signal.aborted) return;
        const away = !answer.ok && isAway(answer.problem);
        if (away) again = setTimeout(() => setTurn((now) => now + 1), AGAIN_MILLISECONDS);
        // What was read stays on the page while the server is away: the page says so by itself.
        setState((before) =>
          away && before.path === path && before.answer?.ok === true ? before : { path, answer },
        );
      }),
    );
    return () => {
      given.abort();
      clearTimeout(again);
    };
  }, [path, turn]);
  const reload = useCallback(() => setTurn((now) => now + 1), []);
  const change = useCallback((by: (value: T) => T) => {
    setState((before) =>
      before.answer?.ok === true
        ? { ...before, answer: { ok: true, value: by(before.answer.value) } }
        : before,
    );
  }, []);
  const answer = state.path === path ? state.answer : null;
  return {
    value: answer?.ok === true ? answer.value : null,
    problem: answer?.ok === false ? answer.problem : null,
    reload,
    change,
  };
}

/** It will answer some time: then what it was asked is asked again. */
function isAway({ status }: Problem): boolean {
  return status === 0 || status >= 500;
}

/** Calls with what happens, the latest function that it was given. */
export function useLive(onEvents: (events: readonly LedgerEvent[]) => void, onRefresh: () => void): void {
  const latest = useRef({ onEvents, onRefresh });
  latest.current = { onEvents, onRefresh };
  useEffect(
    () =>
      onLive((told: Told) => {
        if (told.type === "events") latest.current.onEvents(told.events);
        else latest.current.onRefresh();
      }),
    [],
  );
}

export interface Pages<Item> {
  readonly items: readonly Item[] | null;
  readonly problem: Problem | null;
  readonly more: (() => void) | null;
  readonly loading: boolean;
  readonly reload: () => void;
  readonly change: (by: (items: readonly Item[]) => readonly Item[]) => void;
}

/**
 * A list, of which more is loaded as it is asked for.
 *
 * @param path with its query
 * @param pages how many are loaded at once, at first
 */
export function usePages<Item>(path: string | null, pages = 1): Pages<Item> {
  const [state, setState] = useState<PagesState<Item>>({ path: null, items: [], next: null });
  const [problem, setProblem] = useState<Problem | null>(null);
  const [turn, setTurn] = useState(0);
  const [loading, setLoading] = useState(false);
  const given = useRef(new AbortController());

  const load = async (from: PagesState<Item>, count: number, signal: AbortSignal): Promise<void> => {
    if (path === null) return;
    setLoading(true);
    let now = from;
    // A page may be empty: the server looks through so many rows at a time, and there are more.
    for (let page = 0; page < count || now.items.length === from.items.length; page++) {
      const cursor =
        now.next === null ? "" : `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(now.next)}`;
      const answer = await read<List<Item>>(`${path}${cursor}`, signal);
      if (signal.aborted) return;
      if (!answer.ok) {
        setProblem(answer.problem);
        break;
      }
      now = { path, items: [...now.items, ...answer.value.data], next: answer.value.next };
      if (now.next === null) break;
    }
    if (now.path === path) {
      setProblem(null);
      setState(now);
    }
    setLoading(false);
  };

  useEffect(() => {
    given.current = new AbortController();
    beside(load({ path: null, items: [], next: null }, pages, given.current.signal));
    return () => given.current.abort();
  }, [path, turn]);

  const current = state.path === path;
  useEffect(() => {
    // What is shown stays as far as it was loaded.
    if (current || problem === null || !isAway(problem)) return;
    const again = setTimeout(() => setTurn((now) => now + 1), AGAIN_MILLISECONDS);
    return () => clearTimeout(again);
  }, [problem, current]);
  return {
    items: current ? state.items : null,
    problem: current ? null : problem,
    loading,
    more: current && state.next !== null ? () => beside(load(state, pages, given.current.signal)) : null,
    reload: useCallback(() => setTurn((now) => now + 1), []),
    change: useCallback((by) => setState((before) => ({ ...before, items: by(before.items) })), []),
  };
}

interface PagesState<Item> {
  /** Whose they are; null before the first answer. */
  readonly path: string | null;
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** The value, once it has not changed for some time: not each letter that is typed is looked for. */
export function useSettled<T>(value: T, milliseconds = 250): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
