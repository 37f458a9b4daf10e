/** Of the ledger under test. With replicas there are several servers of each kind, as `razonete stack` starts them. */
export interface TortureForm {
  readonly shards: number;
  readonly replicas: number;
}

export const ONE_OF_EACH: TortureForm = { shards: 1, replicas: 0 };
