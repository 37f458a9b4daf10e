/** Who only takes anything gets what the route gives by itself. */
export function isPreferred(type: string, other: string, accept: string): boolean {
  const quality = qualityOf(type, accept);
  return quality > 0 && quality >= qualityOf(other, accept);
}

/** As RFC 9110 has it: 1 where nothing is said; here 0 for a type that is not named. */
function qualityOf(type: string, accept: string): number {
  const range = accept
    .toLowerCase()
    .split(",")
    .find((one) => one.split(";", 1)[0]?.trim() === type);
  if (range === undefined) return 0;
  const quality = Number(/;\s*q=([\d.]+)/.exec(range)?.[1] ?? 1);
  return Number.isNaN(quality) ? 0 : quality;
}
