import { h } from "preact";
import { money, partsOf } from "../money.ts";
import { AccountLink } from "../parts.tsx";
import { t } from "../words.ts";

interface Posting {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

const ROW = 52;
const CURVES = 100;
const THICK_MAX = 14;
const THICK_MIN = 1.5;

/**
 * Drawn: on the left the accounts that money leaves, each once; on the right a row for each posting, in their order. The
 * curves between are as thick as much moves.
 */
export function Postings({
  postings,
  unit,
}: {
  readonly postings: readonly Posting[];
  readonly unit: string | null;
}) {
  const sources = [
    ...Map.groupBy(
      postings.map((posting, row) => ({ ...posting, row })),
      ({ from }) => from,
    ),
  ];
  const height = Math.max(postings.length, sources.length) * ROW;
  const most = Math.max(...postings.map(({ amount }) => amount));
  const slot = height / sources.length;
  const down = (height - postings.length * ROW) / 2;
  return (
    <div class="postings">
      <ol class="sources" aria-label={t("transaction.from")}>
        {sources.map(([from, own]) => (
          <li key={from}>
            <AccountLink id={from} />
            {own.length > 1 && unit !== null && (
              <span class="soft small number">
                {money(`-${own.reduce((sum, { amount }) => sum + BigInt(amount), 0n)}`, unit)}
              </span>
            )}
          </li>
        ))}
      </ol>
      <svg
        class="curves"
        viewBox={`0 0 ${CURVES} ${height}`}
        preserveAspectRatio="none"
        height={height}
        aria-hidden="true"
      >
        {sources.flatMap(([from, own], at) =>
          own.map(({ row, amount }) => {
            const y = slot * (at + 0.5);
            const to = down + ROW * (row + 0.5);
            const thick = Math.max(THICK_MIN, (amount / most) * THICK_MAX);
            return (
              <path
                key={`${from} ${row}`}
                d={`M0 ${y}C${CURVES / 2} ${y} ${CURVES / 2} ${to} ${CURVES} ${to}`}
                stroke-width={thick}
                vector-effect="non-scaling-stroke"
              />
            );
          }),
        )}
      </svg>
      <ol class="targets" aria-label={t("transaction.to")}>
        {postings.map(({ to, amount }, row) => (
          <li key={row}>
            <span class="target-amount">
              {money(amount, unit)} {unit !== null && <span class="soft small">{partsOf(unit).code}</span>}
            </span>
            <AccountLink id={to} />
          </li>
        ))}
      </ol>
    </div>
  );
}
