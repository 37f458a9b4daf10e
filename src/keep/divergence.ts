/**
 * The books and the outbox tell different stories. Nothing that runs by itself may choose between them: whoever
 * meets this stops, and a person looks.
 */
export class Divergence extends Error {
  readonly shard: number;
  /** The first of the batches that could not be kept. */
  readonly g: number;
  /** Where in the books, as far as it is known. */
  readonly account: number | null;
  readonly seq: number | null;

  constructor(place: { shard: number; g: number; account?: number; seq?: number }, reason: string) {
    const where =
      place.account === undefined
        ? `shard ${place.shard}, batch ${place.g}`
        : `account ${place.account}, seq ${place.seq ?? "unknown"} (shard ${place.shard}, batch ${place.g})`;
    super(`the books differ from the outbox at ${where}: ${reason}`);
    this.name = "Divergence";
    this.shard = place.shard;
    this.g = place.g;
    this.account = place.account ?? null;
    this.seq = place.seq ?? null;
  }
}

/** How a process ends that met a divergence: starting it again would meet the same one. */
export const DIVERGENCE_EXIT_CODE = 65;
