import type { Micros } from "../ledger/account.ts";
import type { AccessKey } from "./access-key.ts";
import { isScope } from "./scope.ts";

/** An access key with what only its store needs to know. */
export interface KeptKey extends AccessKey {
  /** Of its token, see token.ts. */
  readonly hash: string;
  readonly createdAt: Micros;
  /** `null`: it was not revoked. */
  readonly revokedAt: Micros | null;
}

/** Where `razonete keys` makes and revokes keys. Nothing is ever deleted, so a name means one key for good. */
export interface AccessKeyStore {
  /** @returns false if there is one of that name, valid or not; then nothing was made */
  create(key: KeptKey): Promise<boolean>;
  /** All that were ever made, the oldest first. */
  list(): Promise<readonly KeptKey[]>;
  /** One that was revoked before keeps the time of that. @returns null if there is none of that name */
  revoke(name: string, at: Micros): Promise<KeptKey | null>;
  close(): Promise<void>;
}

/** Where a server looks what keys there are. */
export interface AccessKeySource {
  /** @returns all that were ever made; null if they are those of the last call. Throws where it cannot be read now. */
  readChanged(): Promise<readonly KeptKey[] | null>;
  close(): Promise<void>;
}

/** A key as both stores have it in a row. */
export interface KeyRow {
  readonly name: string;
  readonly hash: Uint8Array;
  /** With commas between them. */
  readonly scopes: string;
  readonly accounts: string;
  readonly rate: number | null;
  readonly createdAt: Micros;
  readonly expiresAt: Micros | null;
  readonly revokedAt: Micros | null;
}

/** Scopes of a later version are left out: they allow nothing here. */
export function keyOfRow({ hash, scopes, ...key }: KeyRow): KeptKey {
  return { ...key, hash: hash.toBase64(), scopes: new Set(scopes.split(",").filter(isScope)) };
}

export function rowOfKey({ hash, scopes, ...key }: KeptKey): KeyRow {
  return { ...key, hash: Uint8Array.fromBase64(hash), scopes: [...scopes].join(",") };
}
