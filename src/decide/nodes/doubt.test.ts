import { expect, test } from "bun:test";
import { bounds } from "../../bounds.ts";
import { Doubt } from "./doubt.ts";

const LONG = bounds.primary_doubt_milliseconds;
const SILENT = bounds.primary_unheard_milliseconds_max;

/** Found long ago, and heard until then. */
function trusted(now: number): Doubt {
  const doubt = new Doubt(now - 2 * LONG, false);
  for (let at = now - 2 * LONG; at <= now; at += SILENT / 2) doubt.heard(at, at + 1);
  doubt.heard(now, now);
  return doubt;
}

test("a primary that has just replaced another one is doubted for a while, the first one is not", () => {
  expect(new Doubt(100, false).reasonAt(100)).toBeNull();
  const doubt = new Doubt(100, true);
  doubt.heard(100, 101);
  expect(doubt.reasonAt(101)).toBe("new");
  expect(doubt.reasonAt(99 + LONG)).toBe("new");
  expect(doubt.reasonAt(100 + LONG)).toBeNull();
});

test("one that is heard all the time is not, one that was silent is", () => {
  const doubt = trusted(0);
  expect(doubt.reasonAt(0)).toBeNull();
  doubt.heard(SILENT - 10, SILENT);
  expect(doubt.reasonAt(SILENT)).toBeNull();
  doubt.heard(2 * SILENT, 2 * SILENT + 1);
  expect(doubt.reasonAt(2 * SILENT + 1)).toBe("silent");
  expect(doubt.reasonAt(2 * SILENT + LONG)).toBe("silent");
  expect(doubt.reasonAt(2 * SILENT + LONG + 1)).toBeNull();
});

test("what was sent during a silence does not shorten it", () => {
  const doubt = trusted(0);
  // Answered together, once it was thawed.
  const thawedAt = 2 * SILENT;
  for (let sentAt = 100; sentAt < thawedAt; sentAt += 100) {
    doubt.heard(sentAt, thawedAt);
    expect(doubt.reasonAt(thawedAt)).toBe("silent");
  }
});

test("answers that come late, of what was sent long ago, tell nothing of now", () => {
  const doubt = trusted(0);
  doubt.heard(1, SILENT + 2);
  expect(doubt.reasonAt(SILENT + 2)).toBe("silent");
});
