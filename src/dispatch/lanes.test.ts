import { describe, expect, test } from "bun:test";
import { array, assert, integer, nat, property, uniqueArray } from "fast-check";
import { Lanes } from "./lanes.ts";

const waiting = (name: string, accounts: string, nextAt = 0, inFlight = false) => ({
  name,
  accounts: accounts.split(""),
  nextAt,
  inFlight,
});

type Named = ReturnType<typeof waiting>;

function lanesOf(all: readonly Named[]): Lanes<Named> {
  const lanes = new Lanes<Named>();
  for (const delivery of all) lanes.add(delivery.name, delivery);
  return lanes;
}

describe("lanes", () => {
  test("an event goes when nothing before it touches one of its accounts", () => {
    const all = [waiting("1", "a"), waiting("2", "ab"), waiting("3", "b"), waiting("4", "c")];
    const lanes = lanesOf(all);
    expect(lanes.mayGo(0, 8).map(({ name }) => name)).toEqual(["1", "4"]);
    expect(lanes.mayGo(0, 1).map(({ name }) => name)).toEqual(["1"]);
    lanes.remove("1");
    expect(lanes.mayGo(0, 8).map(({ name }) => name)).toEqual(["4", "2"]);
  });

  test("what is in flight, or not due, holds up its own accounts alone", () => {
    const all = [
      waiting("1", "a", 0, true),
      waiting("2", "a"),
      waiting("3", "b", 9),
      waiting("4", "b"),
      waiting("5", "c"),
    ];
    const names = lanesOf(all)
      .mayGo(5, 8)
      .map(({ name }) => name);
    expect(names).toEqual(["5"]);
    expect(lanesOf(all).nextDue(5)).toBe(5);
    expect(lanesOf(all.slice(0, 4)).nextDue(5)).toBe(9);
    expect(lanesOf(all.slice(0, 2)).nextDue(5)).toBeNull();
  });

  test("whatever goes first and ends when, each account's events go in order", () => {
    const events = array(uniqueArray(integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }), {
      maxLength: 30,
    });
    assert(
      property(events, array(nat(), { minLength: 1, maxLength: 60 }), (each, choices) => {
        const lanes = lanesOf(each.map((accounts, place) => waiting(String(place), accounts.join(""))));
        const last = new Map<string, number>();
        for (let step = 0; lanes.size > 0; step += 1) {
          for (const gone of lanes.mayGo(0, 3)) {
            gone.inFlight = true;
            for (const account of gone.accounts) {
              expect(Number(gone.name)).toBeGreaterThan(last.get(account) ?? -1);
              last.set(account, Number(gone.name));
            }
          }
          const flying = [...lanes.values()].filter(({ inFlight }) => inFlight);
          expect(flying.length).toBeGreaterThan(0);
          const done = flying[(choices[step % choices.length] ?? 0) % flying.length];
          if (done !== undefined) lanes.remove(done.name);
        }
      }),
    );
  });
});
