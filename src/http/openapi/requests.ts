import { z } from "zod";
import { bounds } from "../../bounds.ts";
import { TEXT_PATTERN, textRule } from "../text.ts";
import { changeAccount, openAccount } from "../v1/accounts.ts";
import { batch } from "../v1/batches.ts";
import { captureHold, createHold, releaseHold } from "../v1/holds.ts";
import { comparison, condition, createTransaction, posting, reverseTransaction } from "../v1/transactions.ts";
import { newWatch } from "../v1/watches.ts";
import { newWebhook, noFields, replay, webhookChange } from "../v1/webhooks.ts";

/** By hand, as parse.ts parses it. A test holds both together. */
const contestBody = z
  .looseObject({
    valor: z.int().min(1).meta({ description: "must be an integer of cents over 0, at most 2^53 - 1" }),
    tipo: z.enum(["c", "d"]).meta({ description: 'must be "c" (credit) or "d" (debit)' }),
    descricao: z
      .string()
      .min(1)
      .max(bounds.contest_description_characters_max)
      .meta({
        pattern: TEXT_PATTERN,
        description: textRule(1, bounds.contest_description_characters_max),
      }),
  })
  .meta({ additionalProperties: true });

/** What is sent: the very schemas that parse it, by their names in the document. */
export const REQUESTS = {
  NewAccount: openAccount.schema,
  AccountChange: changeAccount.schema,
  NewTransaction: createTransaction.schema,
  Posting: posting,
  Condition: condition,
  Comparison: comparison,
  Reversal: reverseTransaction.schema,
  NewHold: createHold.schema,
  Capture: captureHold.schema,
  Release: releaseHold.schema,
  Batch: batch,
  NewWebhook: newWebhook,
  WebhookChange: webhookChange,
  NoFields: noFields,
  Replay: replay,
  NewWatch: newWatch,
  ContestBody: contestBody,
} as const satisfies Readonly<Record<string, z.ZodType>>;

export type RequestName = keyof typeof REQUESTS;
