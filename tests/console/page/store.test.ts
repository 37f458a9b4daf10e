import { afterEach, expect, test } from "bun:test";
import { type ContainerNode, h, render } from "preact";
import { Store, useStore } from "../../../src/console/page/store.ts";
import { eventually } from "../../support/eventually.ts";

/** A view that draws nothing needs no page around it. */

const place: ContainerNode = {
  nodeType: 1,
  parentNode: null,
  firstChild: null,
  childNodes: [],
  insertBefore: (node) => node,
  appendChild: (node) => node,
  removeChild: (node) => node,
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
