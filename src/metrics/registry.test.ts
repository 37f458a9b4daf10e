import { describe, expect, test } from "bun:test";
import { Metrics, one } from "./registry.ts";

describe("a look at the metrics", () => {
  test("tells name, kind and value", async () => {
    const metrics = new Metrics();
    metrics.add("gauge", "holds_open", "Holds that are open.", () => [{ value: 3, labels: { shard: 1 } }]);
    expect(await metrics.text()).toBe(
      "# HELP razonete_holds_open Holds that are open.\n" +
        '# TYPE razonete_holds_open gauge\nrazonete_holds_open{shard="1"} 3\n',
    );
  });

  test("what cannot be read has no value, and the rest is told", async () => {
    const metrics = new Metrics();
    metrics.add("gauge", "gone", "Gone.", () => Promise.reject(new Error("no answer")));
    metrics.add("gauge", "there", "There.", () => one(1));
    const text = await metrics.text();
    expect(text).toContain("razonete_there 1");
    expect(text).not.toMatch(/^razonete_gone/m);
  });

  test("what several are made of is read once for each look", async () => {
    const metrics = new Metrics();
    let reads = 0;
    const shared = metrics.share(async () => ++reads);
    for (const name of ["a", "b"]) metrics.add("gauge", name, name, async () => one((await shared()) ?? 0));
    expect(await metrics.text()).toMatch(/razonete_a 1\n[^]*razonete_b 1\n/);
    expect(await metrics.text()).toMatch(/razonete_a 2\n[^]*razonete_b 2\n/);
  });

  test("what has no end is given up, and not begun again until it ends", async () => {
    const metrics = new Metrics();
    const { promise, resolve } = Promise.withResolvers<number>();
    let reads = 0;
    const shared = metrics.share(() => {
      reads += 1;
      return promise;
    });
    metrics.add("gauge", "frozen", "Frozen.", async () => {
      const value = await shared();
      return value === null ? [] : one(value);
    });
    for (let look = 0; look < 3; look += 1) expect(await metrics.text()).not.toMatch(/^razonete_frozen/m);
    expect(reads).toBe(1);
    resolve(7);
    await promise;
    await Bun.sleep(1);
    expect(await metrics.text()).toMatch(/^razonete_frozen 7/m);
    expect(reads).toBe(2);
  });

  test("labels are written as Prometheus reads them", async () => {
    const metrics = new Metrics();
    metrics.add("gauge", "unit_imbalance", "Sums.", () => [{ value: 0, labels: { unit: 'a"b\\c\nd' } }]);
    expect(await metrics.text()).toContain(String.raw`razonete_unit_imbalance{unit="a\"b\\c\nd"} 0`);
  });
});
