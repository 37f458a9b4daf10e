import { describe, expect, test } from "bun:test";
import { cursorOf, listName } from "../../src/http/v1/page.ts";
import { eventually } from "../support/eventually.ts";
import { accountPath, type Client, json, type ListBody, nextOf, wrongFields } from "./support/client.ts";

interface Row {
  readonly id?: string;
  readonly seq?: number;
}

/** Cursors: what a client makes of one, and what comes in while it reads on. */
export function cursorsSection(api: Client): void {
  /** All of a list, page by page; between two pages more may come. */
  async function pageThrough(
    path: string,
    between: () => Promise<unknown> = async () => {},
  ): Promise<string[]> {
    const found: string[] = [];
    for (let next: string | null = path; next !== null;) {
      const reply: Response = await api.get(next);
      next = nextOf(reply);
      const { data } = await json<ListBody<Row>>(reply, 200);
      found.push(...data.map(({ id, seq }) => String(id ?? seq)));
      await between();
    }
    expect(new Set(found).size).toBe(found.length);
    return found;
  }

  const NO_ACCOUNT = {
    idBeginning: "",
    unit: null,
    state: null,
    name: null,
    metadata: {},
    balanceLessThan: null,
    balanceGreaterThan: null,
    order: "id",
  };

  describe("cursors", () => {
    test("that a client has made itself are 422, or lead somewhere; never a failure", async () => {
      const a = await api.account();
      await api.move(["@world", a, 1]);
      const times = { fromTime: null, beforeTime: null };
      const lists: [string, string][] = [
        ["/v1/accounts", listName("accounts", NO_ACCOUNT)],
        ["/v1/accounts?order=name", listName("accounts", { ...NO_ACCOUNT, order: "name" })],
        ["/v1/accounts?order=balance", listName("accounts", { ...NO_ACCOUNT, order: "balance" })],
        ["/v1/transactions", listName("transactions", { reference: null, account: null, ...times })],
        [
          `/v1/transactions?account=${a}`,
          listName("transactions", { reference: null, account: a, ...times }),
        ],
        [
          "/v1/transactions?reference=r",
          listName("transactions", { reference: "r", account: null, ...times }),
        ],
        ["/v1/holds", listName("holds", { account: null, state: null })],
        [`${accountPath(a)}/entries`, listName("entries", { id: a, ...times, order: "desc" })],
        [`${accountPath(a)}/entries?order=asc`, listName("entries", { id: a, ...times, order: "asc" })],
      ];
      const formless = ["", "\0", "a\0b", " 1", "1 ", "é", "\ud800", "'; --", "1/2", "%00", "1".repeat(2001)];
      const formed = [
        "0",
        "1",
        "x",
        "-1",
        "NaN",
        "1e999",
        "9".repeat(400),
        "9007199254740993",
        "1-1",
        "0-1-0_1-1-0",
      ];
      const places = [
        "9".repeat(16),
        "9999-9999999999999999-99999",
        "9999999999999999-9999-9999999999999999-99999",
      ];
      for (const [path, list] of lists) {
        const ask = (cursor: string) => api.get(`${path}${path.includes("?") ? "&" : "?"}cursor=${cursor}`);
        for (const key of formless)
          expect(await wrongFields(await ask(cursorOf(list, key)))).toEqual(["cursor"]);
        for (const key of [...formed, ...places]) {
          const reply = await ask(cursorOf(list, key));
          if (reply.status === 422) expect(await wrongFields(reply)).toEqual(["cursor"]);
          else await json(reply, 200);
        }
      }
    });

    test("that are cut, changed or of another list are 422", async () => {
      const a = await api.funded(10);
      await api.move(["@world", a, 1]);
      const { next } = await json<ListBody<Row>>(await api.get(`${accountPath(a)}/entries?limit=1`), 200);
      const cursor = String(next);
      for (let at = 0; at < cursor.length; at += 1) {
        const other = cursor[at] === "A" ? "B" : "A";
        for (const wrong of [cursor.slice(0, at), cursor.slice(0, at) + other + cursor.slice(at + 1)]) {
          expect(await wrongFields(await api.get(`${accountPath(a)}/entries?cursor=${wrong}`))).toEqual([
            "cursor",
          ]);
        }
      }
    });

    test("show what was there once each, whatever comes in meanwhile", async () => {
      const mark = `page-${crypto.randomUUID()}`;
      let opened = 0;
      const open = () => {
        opened += 1;
        return api.account(0, { id: `${mark}:${opened % 2 === 0 ? "a" : "z"}${opened}`, name: mark });
      };
      const a = await api.funded(1_000);
      const move = (reference: string) =>
        api.post("/v1/transactions", { postings: [{ from: a, to: "@world", amount: 1 }], reference });
      const accounts: string[] = [];
      const transactions: string[] = [];
      const holds: string[] = [];
      for (let count = 0; count < 10; count += 1) {
        accounts.push(await open());
        transactions.push((await json<{ id: string }>(await move(mark), 201)).id);
        holds.push((await api.hold(a, 1)).id);
      }
      const seqs = (await api.chain(a)).map(({ seq }) => String(seq));
      const byAccount = (query: string) => `/v1/transactions?account=${a}&${query}`;
      await eventually("the lists have it", async () => {
        const found = await Promise.all([
          pageThrough(`/v1/accounts?name=${mark}`),
          pageThrough(byAccount(`reference=${mark}`)),
          pageThrough(`/v1/holds?account=${a}`),
        ]);
        return found.every((ids) => ids.length === 10);
      });
      const more = async () => {
        await open();
        await move(mark);
        await api.hold(a, 1);
        await Bun.sleep(20);
      };
      const isThere = (ids: readonly string[]) => (id: string) => ids.includes(id);
      const read = async (path: string) => pageThrough(`${path}limit=3`, more);
      const shown = await read(`/v1/accounts?name=${mark}&`);
      expect(shown.filter(isThere(accounts))).toEqual(accounts.toSorted());
      expect(shown).toEqual(shown.toSorted());
      // Newest first: what comes later stands before the first page.
      for (const path of [
        byAccount(""),
        byAccount(`reference=${mark}&`),
        `/v1/transactions?reference=${mark}&`,
      ]) {
        const known = await pageThrough(path);
        const found = await read(path);
        expect(found.slice(-known.length)).toEqual(known);
        expect(found.filter(isThere(transactions))).toEqual(transactions.toReversed());
      }
      expect((await read(`/v1/holds?account=${a}&`)).filter(isThere(holds))).toEqual(holds.toReversed());
      expect((await read(`/v1/holds?account=${a}&state=open&`)).filter(isThere(holds))).toEqual(
        holds.toReversed(),
      );
      const newest = await read(`${accountPath(a)}/entries?`);
      expect(newest.slice(-seqs.length)).toEqual(seqs.toReversed());
      const oldest: string[] = [];
      for (let next: string | null = `${accountPath(a)}/entries?order=asc&limit=7`; next !== null;) {
        const reply: Response = await api.get(next);
        next = nextOf(reply);
        oldest.push(...(await json<ListBody<Row>>(reply, 200)).data.map(({ seq }) => String(seq)));
        await move("later");
      }
      expect(oldest).toEqual(oldest.map((_, index) => String(index + 1)));
      expect(oldest.length).toBeGreaterThan(newest.length);
    });
  });
}
