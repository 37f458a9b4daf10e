import { bounds } from "../bounds.ts";
import type { Metadata } from "./account.ts";

/** What members become; `null` takes one away, and the others stay. */
export type MetadataPatch = Readonly<Record<string, string | null>>;

/** @returns null if it would have more members than an account may have, or more bytes */
export function mergedMetadata(metadata: Metadata, patch: MetadataPatch): Metadata | null {
  const members = new Map<string, string>(Object.entries(metadata));
  for (const [name, text] of Object.entries(patch)) {
    if (text === null) members.delete(name);
    else members.set(name, text);
  }
  let bytes = 0;
  for (const [name, text] of members) bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
  if (members.size > bounds.metadata_members_max || bytes > bounds.metadata_bytes_max) return null;
  return Object.fromEntries(members);
}
