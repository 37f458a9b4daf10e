import { useEffect, useState } from "preact/hooks";
import { locale, t } from "./words.ts";

/** Times are told by the server's clock: this machine's may be off. */

/** Between two headers of whole seconds and a way through the network this much means nothing. */
const OFF_MILLISECONDS_MIN = 2_000;

let offset = 0;

/** @param date the header of an answer */
export function noteClock(date: string | null): void {
  const at = Date.parse(date ?? "");
  if (Number.isNaN(at)) return;
  const off = at + 500 - Date.now();
  offset = Math.abs(off) < OFF_MILLISECONDS_MIN ? 0 : off;
}

/** In milliseconds since 1970. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** Draws anew each second, for what tells how long ago something was, or how long it lasts. */
export function useSeconds(): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function dateTime(time: string): string {
  return new Intl.DateTimeFormat(locale(), {
    dateStyle: "medium",
    timeStyle: "medium",
    hourCycle: "h23",
  }).format(Date.parse(time));
}

/** Without the year, where it is this one. */
export function shortTime(time: string): string {
  const at = new Date(time);
  const year = at.getFullYear() === new Date(serverNow()).getFullYear() ? {} : ({ year: "numeric" } as const);
  const format = new Intl.DateTimeFormat(locale(), {
    day: "numeric",
    month: "short",
    ...year,
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  return format.format(at);
}

export function clock(time: string): string {
  return new Intl.DateTimeFormat(locale(), { timeStyle: "medium", hourCycle: "h23" }).format(
    Date.parse(time),
  );
}

export function ago(time: string, now: number): string {
  const seconds = (now - Date.parse(time)) / 1_000;
  return seconds < 1 ? t("time.now") : t("time.ago", { duration: duration(seconds) });
}

export function lasting(time: string, now: number): string {
  return t("time.for", { duration: duration((now - Date.parse(time)) / 1_000) });
}

/** In its two largest units: 2 h 5 min. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const units = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ] as const;
  const first = units.findIndex(([size]) => whole >= size);
  if (first < 0) return "0\u00a0s";
  let rest = whole;
  const shown = units.slice(first, first + 2).flatMap(([size, name]) => {
    const count = Math.floor(rest / size);
    rest %= size;
    return count === 0 ? [] : [`${count}\u00a0${name}`];
  });
  return shown.join(" ");
}
