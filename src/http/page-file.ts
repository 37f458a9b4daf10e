import type { Route } from "./route.ts";

/** Pages need nothing from any other host, and ask none. Icons in the style sheets are data. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * A file of a page, which anybody may read. A browser that has it asks whether it is still the same, and gets it only if it
 * is not.
 *
 * @param path in the file system, or in the executable
 */
export function pageFile(path: string, type: string): Route<unknown> {
  /** Made when it is asked for the first time, so that nobody else pays for it. */
  let tag: Promise<string> | null = null;
  return {
    needs: null,
    handle: async (_, request) => {
      tag ??= tagOf(path);
      const etag = await tag;
      const headers = {
        "content-type": type,
        "cache-control": "no-cache",
        etag,
        "content-security-policy": POLICY,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
      };
      if (isKnown(request.headers.get("if-none-match"), etag))
        return new Response(null, { status: 304, headers });
      return new Response(Bun.file(path), { headers });
    },
  };
}

async function tagOf(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256").update(await Bun.file(path).bytes());
  return `"${hash.digest("base64url").slice(0, 22)}"`;
}

/** As RFC 9110 has it: a list, in which a tag may be called weak. */
function isKnown(known: string | null, tag: string): boolean {
  if (known === null) return false;
  return known.split(",").some((one) => [tag, "*"].includes(one.trim().replace(/^W\//, "")));
}
