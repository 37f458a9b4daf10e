/** How the report formats figures. An unknown value (no request, so no percentile) is a dash. */
const dash = "–";

const locale = "en-US";
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const money = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export function formatCount(value: number): string {
  return Number.isFinite(value) ? whole.format(value) : dash;
}

/** `3 failures`, `1 failure`, `no failures`. */
export function formatCounted(value: number, one: string, many = `${one}s`): string {
  if (value === 0) return `no ${many}`;
  return `${formatCount(value)} ${value === 1 ? one : many}`;
}

/** Three digits are as precise as a percentile is: `0.83`, `12.4`. Above 1,000, whole numbers: `1,240`. */
export function formatMilliseconds(value: number): string {
  if (!Number.isFinite(value)) return dash;
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function formatLatency(value: number): string {
  // A no-break space, since a line that begins with `ms` is hard to read.
  return Number.isFinite(value) ? `${formatMilliseconds(value)}\u00a0ms` : dash;
}

export function formatUsd(value: number): string {
  return Number.isFinite(value) ? money.format(value) : dash;
}

/** Rounded down, so that only all is 100%: `99.99%` if one of 61,503 is missing. Only none is 0%. */
export function formatPercent(share: number): string {
  if (!Number.isFinite(share)) return dash;
  // The small addend corrects an error of binary fractions: 0.9823 × 10,000 is 9,822.999….
  const hundredths = Math.floor(share * 10_000 + 1e-6);
  if (hundredths === 0 && share > 0) return "<0.01%";
  return `${(hundredths / 100).toLocaleString(locale, { maximumFractionDigits: 2 })}%`;
}

/** A second of a run in minutes and seconds: `1:05`. */
export function formatClock(seconds: number): string {
  const full = Math.floor(seconds);
  return `${Math.floor(full / 60)}:${String(full % 60).padStart(2, "0")}`;
}

export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return dash;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

/** ISO 8601 to `22 Nov 2026, 13:02:40 UTC`; a text that is not a date is returned unchanged. */
export function formatInstant(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  const day = at.toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    timeZone: "UTC",
  });
  return `${day}, ${at.toISOString().slice(11, 19)} UTC`;
}

export function formatMemory(bytes: number): string {
  return Number.isFinite(bytes) ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : dash;
}

/** `b` as a multiple of `a`: `×0.62`. */
export function formatRatio(a: number, b: number): string {
  if (a === b) return "×1.00";
  if (!Number.isFinite(a) || !Number.isFinite(b) || a === 0) return dash;
  const times = b / a;
  const digits = times < 10 ? 2 : times < 100 ? 1 : 0;
  return `×${times.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}
