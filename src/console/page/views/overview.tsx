import { Fragment, h } from "preact";
import type { ConsoleStatus } from "../../console-status.ts";
import { Chart, Spark } from "../chart.tsx";
import { recentEvents } from "../live.ts";
import { money } from "../money.ts";
import { Ago, Card, Empty, Since, Tag } from "../parts.tsx";
import { latestOf, type Point, told, useMayAsk } from "../status.ts";
import { useStore } from "../store.ts";
import { t } from "../words.ts";
import { locale } from "../words.ts";
import { Beginning } from "./beginning.tsx";
import { Happenings } from "./happenings.tsx";

/** Of the chart, at least: it grows with what is known. */
const SPAN_SECONDS = 60;

export function Overview() {
  const now = useStore(told);
  const events = useStore(recentEvents);
  const status = latestOf(now);
  const mayAsk = useMayAsk();
  const empty = status !== null && status.units.length === 0 && events.length === 0;
  return (
    <Fragment>
      <div class="view-head">
        <h1>{t("overview.title")}</h1>
        {status !== null && (
          <p class="soft">
            {t(status.shape === "embedded" ? "overview.embedded" : "overview.cluster")} · {status.version}
          </p>
        )}
      </div>
      {!mayAsk && <p class="notice">{t("overview.withheld")}</p>}
      {status !== null && <Figures status={status} points={now.points} />}
      {empty && <Beginning />}
      <div class="columns">
        <div class="column wide">
          {status !== null && <Rates points={now.points} />}
          <Card title={t("overview.happenings")}>
            <Happenings />
          </Card>
        </div>
        {status !== null && (
          <div class="column">
            <Parts status={status} />
            <Sums status={status} />
            <Refusals status={status} />
            <Audit status={status} />
            <Webhooks status={status} />
          </div>
        )}
      </div>
    </Fragment>
  );
}

function Figures({ status, points }: { readonly status: ConsoleStatus; readonly points: readonly Point[] }) {
  const { second, books, outbox } = status;
  const line = (pick: (from: ConsoleStatus) => number): number[] => points.map((point) => pick(point.status));
  return (
    <div class="figures">
      <Figure
        label={t("overview.transactions")}
        value={whole(second.transactions)}
        colour="accent"
        values={line((at) => at.second.transactions)}
      />
      <Figure
        label={t("overview.refusals")}
        value={whole(second.refusals)}
        colour="warn"
        values={line((at) => at.second.refusals)}
      />
      <Figure
        label={t("overview.latency")}
        value={second.p50_ms === null ? "\u2013" : milliseconds(second.p50_ms)}
        note={
          second.p99_ms === null
            ? t("overview.no-requests")
            : t("overview.p99", { value: milliseconds(second.p99_ms) })
        }
        colour="ink"
        values={line((at) => at.second.p99_ms ?? 0)}
      />
      <Figure
        label={t("overview.lag")}
        value={milliseconds(books.lag_ms)}
        note={
          books.batches === 0
            ? t("overview.lag-none")
            : t("overview.lag-batches", { count: whole(books.batches) })
        }
        colour="ink"
        troubled={books.lag_ms > LAG_TROUBLED}
        values={line((at) => at.books.lag_ms)}
      />
      {outbox !== null && (
        <Figure
          label={t("overview.outbox")}
          value={whole(outbox.batches)}
          note={t("overview.outbox-of", { max: whole(outbox.max) })}
          colour="ink"
          troubled={outbox.batches > outbox.max / 2}
          values={line((at) => at.outbox?.batches ?? 0)}
        />
      )}
    </div>
  );
}

const LAG_TROUBLED = 2_000;

interface FigureOptions {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
  readonly colour: string;
  readonly troubled?: boolean;
  readonly values: readonly number[];
}

function Figure({ label, value, note, colour, troubled = false, values }: FigureOptions) {
  return (
    <div class={troubled ? "figure troubled" : "figure"}>
      <div class="figure-label">{label}</div>
      <div class="figure-value">{value}</div>
      <div class="figure-note">{note ?? t("overview.a-second")}</div>
      <Spark values={values} colour={colour} />
    </div>
  );
}

function Rates({ points }: { readonly points: readonly Point[] }) {
  const times = points.map(({ at }) => at);
  const latest = points.at(-1)?.status.second;
  const lines = [
    {
      label: t("overview.transactions"),
      colour: "accent",
      fill: true,
      values: points.map(({ status }) => status.second.transactions),
    },
    {
      label: t("overview.refusals"),
      colour: "warn",
      values: points.map(({ status }) => status.second.refusals),
    },
  ];
  return (
    <Card title={t("overview.rates")} aside={<span class="soft">{t("overview.a-second")}</span>}>
      <Chart
        label={t("overview.rates-label", {
          transactions: latest?.transactions ?? 0,
          refusals: latest?.refusals ?? 0,
        })}
        times={times}
        lines={lines}
        format={whole}
        span={SPAN_SECONDS}
        height={190}
      />
    </Card>
  );
}

function Parts({ status }: { readonly status: ConsoleStatus }) {
  return (
    <Card title={t("overview.parts")}>
      <ul class="rows" id="parts">
        {status.parts.map(({ name, state, since, detail }) => (
          <li key={name} class="part">
            <div>
              <span class="id">{name}</span>
              {detail !== null && <div class="soft small">{detail}</div>}
            </div>
            <div class="end">
              <Tag state={state} />
              <div class="soft small">
                <Since time={since} />
              </div>
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Sums({ status }: { readonly status: ConsoleStatus }) {
  return (
    <Card title={t("overview.sums")}>
      {status.units.length === 0 && <Empty>{t("overview.no-units")}</Empty>}
      <ul class="rows" id="sums">
        {status.units.map(({ unit, balances, world, in_transit: transit }) => {
          const sum = BigInt(balances) + BigInt(world) + BigInt(transit);
          return (
            <li key={unit}>
              <div class="sum-head">
                <span class="id">{unit}</span>
                <span class={sum === 0n ? "good" : "bad"}>
                  {t("overview.total", { sum: money(sum, unit) })}
                </span>
              </div>
              <dl class="sum">
                <dt>{t("overview.balances")}</dt>
                <dd>{money(balances, unit)}</dd>
                <dt>{t("account.world")}</dt>
                <dd>{money(world, unit)}</dd>
                {transit !== "0" && [<dt>{t("overview.transit")}</dt>, <dd>{money(transit, unit)}</dd>]}
              </dl>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

/** By the names that docs/errors.md has them under, in every language. */
function Refusals({ status: { refusals } }: { readonly status: ConsoleStatus }) {
  if (refusals.length === 0) return null;
  return (
    <Card title={t("overview.by-reason")}>
      <ul class="rows">
        <li>
          <dl class="sum" id="refusals">
            {refusals.map(({ problem, count }) => (
              <Fragment key={problem}>
                <dt>{problem}</dt>
                <dd>{whole(count)}</dd>
              </Fragment>
            ))}
          </dl>
        </li>
      </ul>
    </Card>
  );
}

function Audit({ status: { audit } }: { readonly status: ConsoleStatus }) {
  return (
    <Card title={t("overview.audit")}>
      {audit === null ? (
        <Empty>
          {t("overview.no-audit")} <code>razonete audit</code>
        </Empty>
      ) : (
        <p class="line">
          <Tag state={audit.agreed ? "agreed" : "differs"} />
          <span>
            {audit.agreed ? t("overview.agreed") : t("overview.findings", { count: audit.findings })}
          </span>
          <span class="soft end">
            <Ago time={audit.at} />
          </span>
        </p>
      )}
    </Card>
  );
}

function Webhooks({ status: { webhooks } }: { readonly status: ConsoleStatus }) {
  const { active, failing, parked, backlog } = webhooks;
  if (active + failing + parked + backlog === 0) return null;
  return (
    <Card title={t("overview.webhooks")}>
      <dl class="counts">
        <Count label={t("overview.webhooks-active")} value={active} />
        <Count label={t("overview.webhooks-failing")} value={failing} bad />
        <Count label={t("overview.webhooks-parked")} value={parked} bad />
        <Count label={t("overview.webhooks-backlog")} value={backlog} />
      </dl>
    </Card>
  );
}

function Count({
  label,
  value,
  bad = false,
}: {
  readonly label: string;
  readonly value: number;
  readonly bad?: boolean;
}) {
  return (
    <div>
      <dt>{label}</dt>
      <dd class={bad && value > 0 ? "bad" : undefined}>{whole(value)}</dd>
    </div>
  );
}

function whole(value: number): string {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

function milliseconds(value: number): string {
  if (value >= 10_000) return `${whole(value / 1_000)}\u00a0s`;
  return `${new Intl.NumberFormat(locale(), { maximumSignificantDigits: 2 }).format(value)}\u00a0ms`;
}
