import { Fragment, h } from "preact";
import { pathOf } from "../api.ts";
import { reverseTransaction } from "../forms/money-forms.tsx";
import { recentEvents } from "../live.ts";
import { Action, Card, Details, Trouble, WORLD } from "../parts.tsx";
import { useLive, useRead } from "../reads.ts";
import { hrefOf } from "../routes.ts";
import { useStore } from "../store.ts";
import { dateTime } from "../time.ts";
import type { KeptTransaction } from "../types.ts";
import { t } from "../words.ts";
import { Postings } from "./postings.tsx";
import { useUnits } from "./units.ts";

export function TransactionView({ id }: { readonly id: string }) {
  const { value, problem, reload, change } = useRead<KeptTransaction>(pathOf(["v1", "transactions", id]));
  const events = useStore(recentEvents);
  const units = useUnits(value === null ? [] : [value], events);
  useLive((told) => {
    for (const event of told) {
      if (event.type !== "transaction.created" || event.data.reverses !== id) continue;
      const reversal = event.data.id;
      change((before) => ({ ...before, reversed_by: reversal }));
    }
  }, reload);
  const unit = units.get(id) ?? null;
  return (
    <Fragment>
      <div class="view-head">
        <div class="title">
          <p class="soft small">
            {t((value?.reverses ?? null) === null ? "transaction.transaction" : "transaction.reversal")}
          </p>
          <h1 class="id">{id}</h1>
        </div>
        {(value?.reversed_by ?? null) !== null && (
          <span class="tag reversed">{t("transaction.reversed")}</span>
        )}
      </div>
      {problem !== null && <Trouble problem={problem} />}
      {value !== null && (
        <Fragment>
          {value.reverses === null && value.reversed_by === null && (
            <div class="actions">
              <Action needs={reversalNeeds(value)} onClick={() => reverseTransaction(value, unit)}>
                {t("transaction.reverse")}
              </Action>
            </div>
          )}
          <Card title={t("transaction.postings")}>
            <Postings postings={value.postings} unit={unit} />
          </Card>
          <Card title={t("transaction.details")}>
            <Details
              rows={[
                [t("transaction.created"), dateTime(value.created_at)],
                [t("transaction.description"), value.description],
                [t("transaction.reference"), value.reference],
                [t("transaction.reverses"), link(value.reverses, hrefOf.transaction)],
                [t("transaction.reversed-by"), link(value.reversed_by, hrefOf.transaction)],
                [t("transaction.hold"), link(value.hold, hrefOf.hold)],
              ]}
              metadata={value.metadata}
            />
            <details class="raw">
              <summary>{t("transaction.json")}</summary>
              <pre tabIndex={0}>{JSON.stringify(value, null, 2)}</pre>
            </details>
          </Card>
        </Fragment>
      )}
    </Fragment>
  );
}

function link(id: string | null, hrefFor: (id: string) => string) {
  return id === null ? null : (
    <a class="id" href={hrefFor(id)}>
      {id}
    </a>
  );
}

function reversalNeeds({ postings }: KeptTransaction): readonly string[] {
  const world = postings.some(({ from, to }) => from === WORLD || to === WORLD);
  return world ? ["transactions:write", "world:write"] : ["transactions:write"];
}
