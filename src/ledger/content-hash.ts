import { type CommandContent, contentOf, type OpenAccount } from "./command.ts";

/** What a command asks for in 22 characters, which no other one has. */
export function contentHash(command: CommandContent): string {
  return textHash(contentOf(command));
}

/** What an account was opened with: by it the same opening is told from another one. */
export function openingHash({
  unit,
  creditLimit,
  name,
  metadata,
}: Pick<OpenAccount, "unit" | "creditLimit" | "name" | "metadata">): string {
  return contentHash({ type: "open", account: null, unit, creditLimit, name, metadata });
}

/** 128 bits of SHA-256, in letters, digits, `-` and `_`. */
export function textHash(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("base64url").slice(0, 22);
}
