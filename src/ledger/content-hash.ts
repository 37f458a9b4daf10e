import { type CommandContent, contentOf } from "./command.ts";

/** What a command asks for in 22 characters, which no other one has. */
export function contentHash(command: CommandContent): string {
  return textHash(contentOf(command));
}

/** 128 bits of SHA-256, in letters, digits, `-` and `_`. */
export function textHash(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("base64url").slice(0, 22);
}
