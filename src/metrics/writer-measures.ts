import type { Books } from "../keep/books.ts";
import { HotHistogram, SECONDS } from "./hot-histogram.ts";

/** What is measured of keeping. */
export class WriterMeasures {
  readonly keepSeconds = new HotHistogram(SECONDS);
  keptEntries = 0;
}

/** What a writer of a shard does with the books. */
export type KeptBooks = Pick<Books, "keep" | "fence" | "noteSeen" | "settingsFault" | "proveOnStandbys">;

/** The same books; what is kept is measured. */
export function measuredBooks(books: Books, measures: WriterMeasures): KeptBooks {
  return {
    keep: async (shard, batches) => {
      const begunAt = performance.now();
      const kept = await books.keep(shard, batches);
      measures.keepSeconds.observe((performance.now() - begunAt) / 1000);
      if (kept.type === "kept") measures.keptEntries += kept.entries;
      return kept;
    },
    fence: () => books.fence(),
    noteSeen: (epoch, shard, g) => books.noteSeen(epoch, shard, g),
    settingsFault: (durable) => books.settingsFault(durable),
    proveOnStandbys: (shard) => books.proveOnStandbys(shard),
  };
}
