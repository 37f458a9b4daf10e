import { createContext } from "preact";
import type { Problem } from "../api.ts";

/** What is wrong with a form's fields, by their JSON pointers into the body. */
export type Faults = ReadonlyMap<string, string>;

export const FaultsContext = createContext<Faults>(new Map());

interface Body {
  readonly from?: unknown;
  readonly postings?: readonly { readonly from?: unknown; readonly to?: unknown }[];
}

/**
 * Where a refusal belongs, as pointers into what was sent. Empty: to no field.
 *
 * @param body what was sent
 */
export function placesOf({ name, account, index, errors }: Problem, body: object | null): readonly string[] {
  if (errors !== undefined) return errors.flatMap(({ pointer }) => (pointer === undefined ? [] : [pointer]));
  const sent: Body = body ?? {};
  const at = index ?? 0;
  const posting = sent.postings?.[at];
  const before = posting === undefined ? "#" : `#/postings/${at}`;
  switch (name) {
    case "limit-exceeded":
    case "balance-out-of-range":
      return [`${before}/amount`];
    case "limit-too-low":
      return ["#/credit_limit"];
    case "account-exists":
      return ["#/id"];
    case "account-not-found":
    case "account-frozen":
    case "account-closed":
    case "unit-mismatch":
    case "shards-apart": {
      if (account === undefined) return [];
      const side = (posting?.from ?? sent.from) === account ? "from" : "to";
      return posting === undefined && sent.from === undefined ? [] : [`${before}/${side}`];
    }
    default:
      return [];
  }
}
