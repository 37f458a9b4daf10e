#!/bin/sh
# Starts Redis in its container. Before that it cuts an incomplete end off the log: see src/stack/aof-repair.ts, which
# does the same for `npm run stack`, and explains why.
newest=$(ls -v "${REDIS_DATA:-/data}"/appendonlydir/*.incr.aof 2>/dev/null | tail -n 1)
if [ -s "$newest" ]; then
  echo y | redis-check-aof --fix "$newest"
fi
exec docker-entrypoint.sh "$@"
