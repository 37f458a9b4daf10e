#!/bin/sh
# Starts Redis in its container. Before that it cuts an incomplete end off the log: see src/stack/aof-repair.ts, which
# does the same for `npm run stack`, and explains why.
#
# Where REDIS_API_PASSWORD is set, it gives Redis the users of redis-users.acl, which has to be beside it, with the
# passwords of the environment, of which it writes down only the hashes.
newest=$(ls -v "${REDIS_DATA:-/data}"/appendonlydir/*.incr.aof 2>/dev/null | tail -n 1)
if [ -s "$newest" ]; then
  echo y | redis-check-aof --fix "$newest"
fi
if [ -n "$REDIS_API_PASSWORD" ]; then
  hash() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }
  # Only its owner can read it, which is who Redis runs as: in its image not root.
  users=$(mktemp) &&
    sed -e '/^#/d' \
      -e "s/ #REDIS_PASSWORD / #$(hash "$REDIS_PASSWORD") /" \
      -e "s/ #REDIS_ADMIN_PASSWORD / #$(hash "$REDIS_ADMIN_PASSWORD") /" \
      -e "s/ #REDIS_API_PASSWORD / #$(hash "$REDIS_API_PASSWORD") /" \
      -e "s/ #REDIS_WRITER_PASSWORD / #$(hash "$REDIS_WRITER_PASSWORD") /" \
      -e "s/ #REDIS_OBSERVER_PASSWORD / #$(hash "$REDIS_OBSERVER_PASSWORD") /" \
      "$(dirname "$0")/redis-users.acl" >"$users" || exit 1
  if [ "$(id -u)" = 0 ] && id redis >/dev/null 2>&1; then chown redis "$users"; fi
  set -- "$@" --aclfile "$users"
fi
exec docker-entrypoint.sh "$@"
