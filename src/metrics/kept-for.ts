/**
 * What costs much to read is read again only after a while; what could not be read, at the next look.
 *
 * @param milliseconds for how long it is taken as it was
 */
export function keptFor<T>(read: () => Promise<T>, milliseconds: number): () => Promise<T> {
  let latest: { readonly value: T; readonly readAt: number } | null = null;
  return async () => {
    if (latest !== null && performance.now() - latest.readAt < milliseconds) return latest.value;
    const readAt = performance.now();
    const value = await read();
    latest = { value, readAt };
    return value;
  };
}
