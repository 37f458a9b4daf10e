import { beside } from "../beside.ts";
import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { ask, pathOf, problemIn, type Problem } from "../api.ts";
import { AccountLink, Amount, Card, Empty, More, sayProblem } from "../parts.tsx";
import type { Pages } from "../reads.ts";
import { hrefOf } from "../routes.ts";
import { shortTime } from "../time.ts";
import type { Account, Entry } from "../types.ts";
import { t } from "../words.ts";

interface EntriesOptions {
  readonly account: Account;
  readonly entries: Pages<Entry>;
}

/** More are drawn as they are asked for. */
const ROWS = 50;

export function Entries({ account, entries }: EntriesOptions) {
  const [filter, setFilter] = useState("");
  const { items, more, loading } = entries;
  const [rows, setRows] = useState(ROWS);
  const found = items?.filter((entry) => matches(entry, filter)) ?? null;
  const shown = found?.slice(0, rows) ?? null;
  const hidden = (found?.length ?? 0) > rows;
  const showMore = (): void => {
    setRows((before) => before + ROWS);
    if (!hidden) more?.();
  };
  return (
    <Card
      title={t("entries.title")}
      aside={
        <Fragment>
          <input
            class="small-input"
            type="search"
            aria-label={t("entries.filter")}
            placeholder={t("entries.filter")}
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
          <Csv id={account.id} />
        </Fragment>
      }
    >
      {entries.problem !== null && <Empty>{sayProblem(entries.problem)}</Empty>}
      {shown !== null && shown.length === 0 && (
        <Empty>{t(items?.length === 0 ? "account.no-entries" : "entries.none-match")}</Empty>
      )}
      {shown !== null && shown.length > 0 && (
        <div class="table-frame">
          <table id="entries" class="stacking">
            <caption class="unseen">{t("entries.title")}</caption>
            <thead>
              <tr>
                <th class="number">#</th>
                <th>{t("entries.time")}</th>
                <th>{t("entries.counterparty")}</th>
                <th>{t("entries.description")}</th>
                <th class="number">{t("entries.amount")}</th>
                <th class="number">{t("account.balance")}</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((entry) => (
                <tr key={entry.seq}>
                  <td class="number faint wide-only">{entry.seq}</td>
                  <td>
                    <a href={hrefOf.transaction(entry.transaction)} class="plain-link">
                      <time dateTime={entry.created_at}>{shortTime(entry.created_at)}</time>
                    </a>
                  </td>
                  <td class="clip">
                    <AccountLink id={entry.counterparty} />
                  </td>
                  <td class="clip" title={[entry.description, entry.reference].filter(Boolean).join(" · ")}>
                    {entry.description}{" "}
                    {entry.reference !== null && <span class="soft small">{entry.reference}</span>}
                  </td>
                  <td class={entry.amount > 0 ? "number main in" : "number main"}>
                    <Amount amount={entry.amount} unit={account.unit} both />
                  </td>
                  <td class="number second" data-label={t("account.balance")}>
                    <Amount amount={entry.balance} unit={account.unit} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {filter !== "" && items !== null && (
        <p class="foot soft">{t("entries.of-loaded", { count: items.length })}</p>
      )}
      <More more={hidden || more !== null ? showMore : null} loading={loading} />
    </Card>
  );
}

function matches({ counterparty, description, reference, transaction }: Entry, filter: string): boolean {
  const wanted = filter.trim().toLowerCase();
  return [counterparty, description, reference, transaction].some((text) =>
    text?.toLowerCase().includes(wanted),
  );
}

/** All of the account's entries as one file. */
function Csv({ id }: { readonly id: string }) {
  const [state, setState] = useState<"idle" | "loading" | Problem>("idle");
  const load = async (): Promise<void> => {
    setState("loading");
    try {
      const problem = await download(id);
      setState(problem ?? "idle");
    } catch {
      setState({ name: "unreachable", status: 0, detail: "" });
    }
  };
  return (
    <Fragment>
      <button
        type="button"
        class="button plain"
        disabled={state === "loading"}
        onClick={() => beside(load())}
      >
        {t(state === "loading" ? "list.loading" : "entries.csv")}
      </button>
      {typeof state === "object" && (
        <span role="alert" class="bad small">
          {sayProblem(state)}
        </span>
      )}
    </Fragment>
  );
}

async function download(id: string): Promise<Problem | null> {
  const parts: string[] = [];
  let path: string | null = pathOf(["v1", "accounts", id, "entries"], { limit: "100", order: "asc" });
  while (path !== null) {
    const response = await ask(path, { headers: { accept: "text/csv" } });
    if (!response.ok) return problemIn(response);
    const text = await response.text();
    // Each page begins with the header line, which the file has once.
    parts.push(parts.length === 0 ? text : text.slice(text.indexOf("\n") + 1));
    path = nextOf(response.headers.get("link"));
  }
  const url = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${id.replaceAll(/[^\w.-]/g, "_")}.csv`;
  link.click();
  // The browser reads it after the click.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  return null;
}

/** The address of the next page, on this server whatever it says. */
function nextOf(link: string | null): string | null {
  const target = /<([^>]+)>;\s*rel="?next"?/.exec(link ?? "")?.[1];
  if (target === undefined) return null;
  const { pathname, search } = new URL(target, location.href);
  return pathname + search;
}
