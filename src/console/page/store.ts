import { useEffect, useState } from "preact/hooks";

/** A value that views follow. */
export class Store<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export function useStore<T>(store: Store<T>): T {
  const [, draw] = useState<object>({});
  const { value } = store;
  useEffect(() => {
    // It may have changed between the drawing and now, when nobody listened yet.
    if (store.value !== value) draw({});
    return store.listen(() => draw({}));
  }, [store]);
  return value;
}
