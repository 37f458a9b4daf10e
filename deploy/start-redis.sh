#!/bin/sh
# Starts Redis, in its container or without one: start-redis.sh redis-server /etc/razonete/redis.conf. Before that it cuts
# an incomplete end off the log: see src/stack/aof-repair.ts, which does the same for `npm run stack`, and explains why.
#
# REDIS_DATA: Redis's folder, /data where it is not set.
# REDIS_API_PASSWORD: it gives Redis the users of redis-users.acl, which has to be beside it, with the passwords of the
# environment, of which it writes down only the hashes.
# REDIS_REPLICA_PASSWORD: the same with redis-replica.acl, for who follows it, and by which it follows others.
# REDIS_NODE: which of the nodes of a Redis Cluster in REDIS_URL it is, address:port: there it listens, with
# redis-cluster.conf. It does not start before `razonete redis-guard` lets it, which says what to do where it does not.
data=${REDIS_DATA:-/data}
here=$(dirname "$0")
hash() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }
# Only its owner can read a file of mktemp, which is who Redis runs as: in its image not root.
hand_over() { if [ "$(id -u)" = 0 ] && id redis >/dev/null 2>&1; then chown redis "$1"; fi; }

newest=$(ls -v "$data"/appendonlydir/*.incr.aof 2>/dev/null | tail -n 1)
if [ -s "$newest" ]; then
  echo y | redis-check-aof --fix "$newest"
fi
if [ -n "$REDIS_REPLICA_PASSWORD" ]; then
  # Not on the command line, which others on the machine can see.
  follows=$(mktemp) && echo "masterauth $REDIS_REPLICA_PASSWORD" >"$follows" || exit 1
  hand_over "$follows"
  set -- "$@" --include "$follows"
fi
if [ -n "$REDIS_API_PASSWORD" ]; then
  users=$(mktemp) &&
    sed -e '/^#/d' \
      -e "s/ #REDIS_PASSWORD / #$(hash "$REDIS_PASSWORD") /" \
      -e "s/ #REDIS_ADMIN_PASSWORD / #$(hash "$REDIS_ADMIN_PASSWORD") /" \
      -e "s/ #REDIS_API_PASSWORD / #$(hash "$REDIS_API_PASSWORD") /" \
      -e "s/ #REDIS_WRITER_PASSWORD / #$(hash "$REDIS_WRITER_PASSWORD") /" \
      -e "s/ #REDIS_OBSERVER_PASSWORD / #$(hash "$REDIS_OBSERVER_PASSWORD") /" \
      -e "s/ #REDIS_REPLICA_PASSWORD / #$(hash "$REDIS_REPLICA_PASSWORD") /" \
      "$here/redis-users.acl" ${REDIS_REPLICA_PASSWORD:+"$here/redis-replica.acl"} >"$users" || exit 1
  hand_over "$users"
  set -- "$@" --aclfile "$users"
fi
if [ -n "$REDIS_NODE" ]; then
  if ! command -v razonete >/dev/null; then
    echo "start-redis.sh: razonete is not on PATH. Put dist/razonete there, which npm run build makes." >&2
    exit 1
  fi
  mkdir -p "$data" && razonete redis-guard --node "$REDIS_NODE" --folder "$data" || exit 1
  address=${REDIS_NODE%:*}
  set -- "$@" --include "$here/redis-cluster.conf" --dir "$data" \
    --bind "$address" --port "${REDIS_NODE##*:}" --cluster-announce-ip "$address"
fi
# Of Redis's image: it makes Redis run as the user redis. Elsewhere it runs as who started this.
if command -v docker-entrypoint.sh >/dev/null; then set -- docker-entrypoint.sh "$@"; fi
exec "$@"
