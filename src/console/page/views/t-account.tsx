import { Fragment, h } from "preact";
import { money, partsOf } from "../money.ts";
import type { AccountState } from "../types.ts";
import { t, type Word } from "../words.ts";

/**
 * The account as a T: on the right where what may go out comes from, its balance and its limit; on the left what that is
 * for, what is held and what is available, and what is owed already where the balance is under 0. Both sides are the
 * same, and as high as they are large.
 */
export function TAccount({ account }: { readonly account: AccountState }) {
  const { id, unit } = account;
  const [left, right] = sidesOf(account);
  const total = sum(right) > sum(left) ? sum(right) : sum(left);
  const leftSum = money(sum(left), unit);
  const rightSum = money(sum(right), unit);
  const { code } = partsOf(unit);
  const blocks = [...left, ...right].map(({ word, amount }) => `${t(word)} ${money(amount, unit)}`);
  return (
    <svg
      class="t-account"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={t("t.label", { account: id, blocks: blocks.join(", ") })}
    >
      <text class="t-title" x={WIDTH / 2} y="18" text-anchor="middle">
        {shortened(id)}
      </text>
      <text class="t-side" x={MIDDLE - GAP - PAD} y="42" text-anchor="end">
        {t("t.left")}
      </text>
      <text class="t-side" x={MIDDLE + GAP + PAD} y="42">
        {t("t.right")}
      </text>
      <Blocks blocks={left} x={0} total={total} unit={unit} />
      <Blocks blocks={right} x={MIDDLE + GAP} total={total} unit={unit} />
      <path class="t-lines" d={`M0 ${TOP - 4}H${WIDTH}M${MIDDLE} ${TOP - 4}V${BOTTOM + 6}`} />
      <text class={`t-sum ${sizeOf(leftSum)}`} x={MIDDLE - GAP - PAD} y={BOTTOM + 21} text-anchor="end">
        {leftSum}
      </text>
      <text class={`t-sum ${sizeOf(rightSum)}`} x={WIDTH - PAD} y={BOTTOM + 21} text-anchor="end">
        {rightSum}
        {rightSum.length + code.length <= LONG && <tspan class="t-unit"> {code}</tspan>}
      </text>
      <path
        class="t-double"
        d={`M${PAD} ${BOTTOM + 28.5}H${MIDDLE - GAP - PAD}M${PAD} ${BOTTOM + 32}H${MIDDLE - GAP - PAD}M${MIDDLE + GAP + PAD} ${BOTTOM + 28.5}H${WIDTH - PAD}M${MIDDLE + GAP + PAD} ${BOTTOM + 32}H${WIDTH - PAD}`}
      />
    </svg>
  );
}

interface Block {
  readonly word: Word;
  readonly kind: "owed" | "held" | "available" | "balance" | "limit";
  readonly amount: bigint;
}

const WIDTH = 360;
const HEIGHT = 264;
const MIDDLE = WIDTH / 2;
const GAP = 4;
const PAD = 10;
const TOP = 54;
const BOTTOM = 226;
/** Characters of an amount for which a side has room; the longest has 22. */
const LONG = 18;
/** Two lines of text, so that what is small beside the rest can be read. */
const BLOCK_MIN = 38;

function Blocks({ blocks, x, total, unit }: BlocksOptions) {
  const width = MIDDLE - GAP;
  const heights = heightsOf(blocks, total);
  let y = BOTTOM;
  return (
    <Fragment>
      {blocks.map(({ word, kind, amount }, at) => {
        const height = heights[at] ?? 0;
        y -= height;
        return (
          <g key={kind} class={`t-block ${kind}`}>
            <rect x={x} y={y + 1} width={width} height={Math.max(0, height - 2)} rx="3" />
            <text class="t-word" x={x + PAD} y={y + 16}>
              {t(word)}
            </text>
            <text
              class={`t-amount ${sizeOf(money(amount, unit))}`}
              x={x + width - PAD}
              y={y + 31}
              text-anchor="end"
            >
              {money(amount, unit)}
            </text>
          </g>
        );
      })}
      {blocks.length === 0 && (
        <text class="t-nothing" x={x + width / 2} y={(TOP + BOTTOM) / 2} text-anchor="middle">
          {t("t.nothing")}
        </text>
      )}
    </Fragment>
  );
}

interface BlocksOptions {
  readonly blocks: readonly Block[];
  readonly x: number;
  readonly total: bigint;
  readonly unit: string;
}

/** From the bottom up. */
function sidesOf({
  balance,
  held,
  credit_limit: limit,
}: AccountState): readonly [readonly Block[], readonly Block[]] {
  // Not as the API tells it, which ends at 2^53 - 1: both sides are to be the same.
  const available = BigInt(balance) + BigInt(limit) - BigInt(held);
  const left: Block[] = [
    { word: "account.owed", kind: "owed", amount: balance < 0 ? -BigInt(balance) : 0n },
    { word: "account.held", kind: "held", amount: BigInt(held) },
    { word: "account.available", kind: "available", amount: available },
  ];
  const right: Block[] = [
    { word: "account.balance", kind: "balance", amount: balance > 0 ? BigInt(balance) : 0n },
    { word: "account.limit", kind: "limit", amount: BigInt(limit) },
  ];
  const there = (block: Block): boolean => block.amount > 0n;
  return [left.filter(there), right.filter(there)];
}

/** In proportion, but none so low that its text has no room. */
function heightsOf(blocks: readonly Block[], total: bigint): readonly number[] {
  const room = BOTTOM - TOP;
  const shares = blocks.map(({ amount }) => (Number(amount) / Number(total)) * room);
  const missing = shares.reduce((all, share) => all + Math.max(0, BLOCK_MIN - share), 0);
  const spare = shares.reduce((all, share) => all + Math.max(0, share - BLOCK_MIN), 0);
  return shares.map((share) =>
    share < BLOCK_MIN ? BLOCK_MIN : spare === 0 ? share : share - ((share - BLOCK_MIN) / spare) * missing,
  );
}

function sum(blocks: readonly Block[]): bigint {
  return blocks.reduce((all, { amount }) => all + amount, 0n);
}

/** What is longer than a side has room for is written smaller. */
function sizeOf(amount: string): string {
  return amount.length > LONG ? "long" : "";
}

function shortened(id: string): string {
  return id.length > 36 ? `${id.slice(0, 35)}\u2026` : id;
}
