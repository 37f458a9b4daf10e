import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";

/** A view that draws nothing needs no page around it. */

interface Store<T> {
  set(value: T): void;
}
interface StoreModule {
  readonly Store: new <T>(value: T) => Store<T>;
  readonly useStore: <T>(store: Store<T>) => T;
}
interface Preact {
  readonly h: (view: () => null, properties: object) => object;
  readonly render: (node: object | null, place: object) => void;
}

// By names that the type check does not follow: with preact's types come those of a browser, which all tests would get.
const [page, library] = [join(import.meta.dir, "../../../src/console/page/store.ts"), "preact"];
const { Store, useStore }: StoreModule = await import(page);
const { h, render }: Preact = await import(library);

const place = {
  nodeType: 1,
  parentNode: null,
  firstChild: null,
  childNodes: [],
  insertBefore: () => {},
  appendChild: () => {},
  removeChild: () => {},
};

afterEach(() => render(null, place));

/** What a view was drawn with, each time. */
function followed<T>(store: Store<T>): readonly T[] {
  const drawn: T[] = [];
  const View = (): null => {
    drawn.push(useStore(store));
    return null;
  };
  render(h(View, {}), place);
  return drawn;
}

test("what a store became after the first drawing, when nobody listened yet, is drawn", async () => {
  const store = new Store("first");
  const drawn = followed(store);
  store.set("second");
  // Effects come later, when the page is painted.
  expect(drawn).toEqual(["first"]);
  await eventually("it is drawn", () => drawn.at(-1) === "second");
});

test("each change is drawn from then on, and what is the same is not drawn again", async () => {
  const store = new Store(1);
  const drawn = followed(store);
  store.set(2);
  await eventually("the view listens", () => drawn.length === 2);
  store.set(3);
  await eventually("it is drawn", () => drawn.length === 3);
  store.set(3);
  store.set(4);
  await eventually("it is drawn", () => drawn.at(-1) === 4);
  expect(drawn).toEqual([1, 2, 3, 4]);
});
