import { describe, expect, test } from "bun:test";
import { array, assert, integer, nat, property, uniqueArray } from "fast-check";
import { mayGo, nextDue } from "./lanes.ts";

const waiting = (name: string, accounts: string, nextAt = 0, inFlight = false) => ({
  name,
  accounts: accounts.split(""),
  nextAt,
  inFlight,
});

describe("lanes", () => {
  test("an event goes when nothing before it touches one of its accounts", () => {
    const all = [waiting("1", "a"), waiting("2", "ab"), waiting("3", "b"), waiting("4", "c")];
    expect(mayGo(all, 0, 8).map(({ name }) => name)).toEqual(["1", "4"]);
    expect(mayGo(all, 0, 1).map(({ name }) => name)).toEqual(["1"]);
    expect(mayGo(all.slice(1), 0, 8).map(({ name }) => name)).toEqual(["2", "4"]);
  });

  test("what is in flight, or not due, holds up its own accounts alone", () => {
    const all = [
      waiting("1", "a", 0, true),
      waiting("2", "a"),
      waiting("3", "b", 9),
      waiting("4", "b"),
      waiting("5", "c"),
    ];
    expect(mayGo(all, 5, 8).map(({ name }) => name)).toEqual(["5"]);
    expect(nextDue(all.slice(0, 4))).toBe(9);
    expect(nextDue(all.slice(0, 2))).toBeNull();
  });

  test("whatever goes first and ends when, each account's events go in order", () => {
    const events = array(uniqueArray(integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }), {
      maxLength: 30,
    });
    assert(
      property(events, array(nat(), { minLength: 1, maxLength: 60 }), (each, choices) => {
        let left = each.map((accounts, place) => ({
          place,
          accounts: accounts.map(String),
          nextAt: 0,
          inFlight: false,
        }));
        const last = new Map<string, number>();
        for (let step = 0; left.length > 0; step += 1) {
          for (const gone of mayGo(left, 0, 3)) {
            gone.inFlight = true;
            for (const account of gone.accounts) {
              expect(gone.place).toBeGreaterThan(last.get(account) ?? -1);
              last.set(account, gone.place);
            }
          }
          const flying = left.filter(({ inFlight }) => inFlight);
          expect(flying.length).toBeGreaterThan(0);
          const done = flying[(choices[step % choices.length] ?? 0) % flying.length];
          left = left.filter((one) => one !== done);
        }
      }),
    );
  });
});
