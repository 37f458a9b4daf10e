const PREFIX = "rz_";
const SECRET_BYTES = 32;
const TOKEN = /^rz_[A-Za-z0-9_-]{43}$/;

/** A new access key: what a client sends, and what nobody keeps. */
export function newToken(): string {
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  return `${PREFIX}${secret.toBase64({ alphabet: "base64url", omitPadding: true })}`;
}

/** Whether the text can be an access key: nothing else is hashed, however long it is. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/**
 * What is kept of an access key: its SHA-256, in base64. A secret of 256 random bits cannot be guessed from it, so no
 * slow hash with a salt is needed.
 */
export function hashOf(token: string): string {
  return Bun.SHA256.hash(token, "base64");
}
