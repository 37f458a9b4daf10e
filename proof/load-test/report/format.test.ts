import {
  formatClock,
  formatCount,
  formatCounted,
  formatDuration,
  formatInstant,
  formatMilliseconds,
  formatPercent,
  formatRatio,
  formatUsd,
} from "./format.ts";
import { expect, test } from "bun:test";

test("a share is rounded so that only all is 100% and only none is 0%", () => {
  expect(formatPercent(1)).toBe("100%");
  expect(formatPercent(61_502 / 61_503)).toBe("99.99%");
  expect(formatPercent(0.979999)).toBe("97.99%");
  expect(formatPercent(0.9823)).toBe("98.23%");
  expect(formatPercent(1 / 61_503)).toBe("<0.01%");
  expect(formatPercent(0)).toBe("0%");
});

test("milliseconds have three digits, and more only above 1,000", () => {
  expect([0, 0.834, 9.99, 9.999, 12.44, 99.96, 787.4, 3235.6].map(formatMilliseconds)).toEqual([
    "0.00",
    "0.83",
    "9.99",
    "10.0",
    "12.4",
    "100",
    "787",
    "3,236",
  ]);
});

test("an unknown value is a dash, never a NaN", () => {
  const unknown = Number.NaN;
  const written = [formatCount, formatMilliseconds, formatPercent, formatUsd, formatDuration].map((write) =>
    write(unknown),
  );
  expect(written).toEqual(["–", "–", "–", "–", "–"]);
  expect(formatRatio(unknown, 1)).toBe("–");
  expect(formatRatio(0, 3)).toBe("–");
  expect(formatInstant("yesterday")).toBe("yesterday");
});

test("ratios of equal values and of a hundredfold are readable too", () => {
  expect([
    formatRatio(0, 0),
    formatRatio(2, 1),
    formatRatio(1.46, 6.11),
    formatRatio(1, 34.26),
    formatRatio(1, 787.4),
  ]).toEqual(["×1.00", "×0.50", "×4.18", "×34.3", "×787"]);
});

test("counts and times read naturally", () => {
  expect(formatCounted(0, "failure")).toBe("no failures");
  expect(formatCounted(1, "failure")).toBe("1 failure");
  expect(formatCounted(1243, "failure")).toBe("1,243 failures");
  expect([formatClock(0), formatClock(65.9), formatClock(240)]).toEqual(["0:00", "1:05", "4:00"]);
  expect([formatDuration(0.44), formatDuration(242.9)]).toEqual(["0.4 s", "4 min 2 s"]);
  expect(formatInstant("2026-11-22T13:02:40.217Z")).toBe("22 Nov 2026, 13:02:40 UTC");
});
