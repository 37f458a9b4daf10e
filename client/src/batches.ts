import type { BatchResult } from "./batch-result.ts";
import type { CommandOptions, Connection } from "./connection.ts";
import type { Sent } from "./outcome.ts";
import type { Account, BatchCommand, CreatedTransaction, DecidedHold } from "./types.ts";

interface ValueByOp {
  readonly account: Account;
  readonly transaction: CreatedTransaction;
  readonly hold: DecidedHold;
  readonly capture: DecidedHold;
  readonly release: DecidedHold;
  readonly reversal: CreatedTransaction;
}

/** In the order of the commands, each as its `op` has it. */
export type BatchResults<Commands extends readonly BatchCommand[]> = {
  readonly [Index in keyof Commands]: BatchResult<ValueByOp[Commands[Index]["op"]]>;
};

export class Batches {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Up to 500 commands. `atomic`: all or none, and the first refusal is the batch's. Else each for itself, and the batch
   * is sent again until each is decided.
   */
  create<const Commands extends readonly BatchCommand[]>(
    batch: { readonly atomic: boolean; readonly commands: Commands },
    options?: CommandOptions,
  ): Sent<BatchResults<Commands>> {
    return this.#connection.command("POST", "/v1/batches", batch, options);
  }
}
