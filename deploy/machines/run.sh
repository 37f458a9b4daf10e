#!/bin/sh
# A service of docker-compose.yml without Docker, by the same settings: "run.sh api" becomes that process, which is what
# razonete@.service starts. "run.sh operator audit" is any command of razonete with the rights of all, and
# "run.sh postgres patronictl ..." any command at all with what that service knows. docs/operations.md ("Without Docker")
# says what has to be installed. A test compares all of it with docker-compose.yml.
#
# It reads machine.env beside it, where values stand without quotes. What is kept is in $STATE_DIRECTORY, or else in
# /var/lib/razonete.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
deploy=$(dirname "$here")
data=${STATE_DIRECTORY:-/var/lib/razonete}
service=${1:?say which service of docker-compose.yml: run.sh api}
shift

if [ -z "${RAZONETE_MACHINE:-}" ]; then
  while IFS= read -r line; do
    case $line in RAZONETE_*=*) export "$line" ;; esac
  done <"$here/machine.env"
fi
machine=${RAZONETE_MACHINE:?}
address=${RAZONETE_ADDRESS:?}
one=${RAZONETE_MACHINE_1:?}
two=${RAZONETE_MACHINE_2:?}
three=${RAZONETE_MACHINE_3:?}
password=${RAZONETE_PASSWORD:?}

# host:port of all three, with commas between them; what the second argument says is before each, the third after it.
each() { echo "${2:-}$one:$1${3:-},${2:-}$two:$1${3:-},${2:-}$three:$1${3:-}"; }
# The URLs of a user with a password.
books() {
  hosts=${RAZONETE_BOOKS:-$(each 5432)}
  export DATABASE_URL="postgres://$1:$2@$hosts/razonete?target_session_attrs=primary${RAZONETE_BOOKS_TLS:-}"
}
redis() { export REDIS_URL="redis-cluster://$1:$2@$(each 6379),$(each 6380),$(each 6381)"; }
nats() { export NATS_URL="nats://$1:$2@$(each 4222)"; }
ours() {
  # Bun's allocator does not return memory: that would take a twentieth of a busy process's time.
  export MIMALLOC_SCAVENGER=0 MIMALLOC_PURGE_HOLES=0
  export LOG_FORMAT="${RAZONETE_LOG_FORMAT:-people}" MIN_STANDBYS="${RAZONETE_MIN_STANDBYS:-1}" METRICS_HOST="$address"
}

case $service in
  redis-[123])
    number=${service#redis-}
    export REDIS_NODE="$address:$((6378 + number))" REDIS_DATA="$data/redis/$number"
    export REDIS_PASSWORD="$password" REDISCLI_AUTH="$password" REDIS_ADMIN_PASSWORD="${RAZONETE_ADMIN_PASSWORD:?}"
    export REDIS_API_PASSWORD="${RAZONETE_API_PASSWORD:?}" REDIS_WRITER_PASSWORD="${RAZONETE_WRITER_PASSWORD:?}"
    export REDIS_OBSERVER_PASSWORD="${RAZONETE_OBSERVER_PASSWORD:?}" REDIS_REPLICA_PASSWORD="${RAZONETE_REPLICA_PASSWORD:?}"
    redis default "$password"
    memory=${RAZONETE_REDIS_MEMORY:-1gb}
    [ $# -gt 0 ] || set -- sh "$deploy/start-redis.sh" redis-server "$deploy/redis.conf" --maxmemory "$memory"
    ;;
  redis-join)
    export SHARDS="${RAZONETE_SHARDS:-3}"
    redis default "$password"
    [ $# -gt 0 ] || set -- razonete redis-join --replicas 2 --watch
    ;;
  nats)
    # In additional quotes: the parser of the file would take a value that begins with a digit for a number.
    quoted() { printf '"%s"' "$1"; }
    routes=${RAZONETE_ROUTES_PASSWORD:?}
    export NATS_HOST="$(quoted "$address")" NATS_PORT=4222 NATS_USER=razonete NATS_PASSWORD="$(quoted "$password")"
    export NATS_ADMIN_PASSWORD="$(quoted "${RAZONETE_ADMIN_PASSWORD:?}")"
    export NATS_API_PASSWORD="$(quoted "${RAZONETE_API_PASSWORD:?}")"
    export NATS_WRITER_PASSWORD="$(quoted "${RAZONETE_WRITER_PASSWORD:?}")"
    export NATS_MONITOR="$(quoted "$address:8222")" NATS_STORE_DIR="$(quoted "$data/nats")"
    export NATS_NAME="$(quoted "nats-$machine")" NATS_ROUTES_ADDRESS="$(quoted "$address:6222")"
    export NATS_ROUTES_PASSWORD="$(quoted "$routes")"
    export NATS_ROUTES="[$(each 6222 "\"nats://routes:$routes@" '"' | sed 's/,/, /g')]"
    [ $# -gt 0 ] || set -- nats-server --config "$deploy/nats-cluster.conf"
    ;;
  etcd)
    peers="machine-1=http://$one:2380,machine-2=http://$two:2380,machine-3=http://$three:2380"
    export ETCD_NAME="machine-$machine" ETCD_DATA_DIR="$data/etcd/razonete"
    export ETCD_LISTEN_CLIENT_URLS="http://$address:2379" ETCD_ADVERTISE_CLIENT_URLS="http://$address:2379"
    export ETCD_LISTEN_PEER_URLS="http://$address:2380" ETCD_INITIAL_ADVERTISE_PEER_URLS="http://$address:2380"
    export ETCD_INITIAL_CLUSTER="$peers" ETCD_INITIAL_CLUSTER_STATE="${RAZONETE_ETCD_STATE:-new}"
    [ $# -gt 0 ] || set -- etcd
    ;;
  postgres)
    export PATRONI_NAME="books-$machine" PATRONI_ETCD3_HOSTS="$(each 2379)"
    export PATRONI_RESTAPI_LISTEN="$address:8008" PATRONI_RESTAPI_CONNECT_ADDRESS="$address:8008"
    export PATRONI_RESTAPI_USERNAME=razonete PATRONI_RESTAPI_PASSWORD="$password"
    export PATRONI_POSTGRESQL_LISTEN="$address:5432" PATRONI_POSTGRESQL_CONNECT_ADDRESS="$address:5432"
    export PATRONI_POSTGRESQL_DATA_DIR="$data/postgres/razonete"
    export PATRONI_SUPERUSER_USERNAME=razonete PATRONI_SUPERUSER_PASSWORD="$password"
    export PATRONI_REPLICATION_USERNAME=replicator PATRONI_REPLICATION_PASSWORD="${RAZONETE_REPLICA_PASSWORD:?}"
    [ $# -gt 0 ] || set -- patroni "$deploy/patroni.yml"
    ;;
  operator)
    ours
    books razonete "$password"
    redis default "$password"
    nats razonete "$password"
    export DATABASE_API_PASSWORD="${RAZONETE_API_PASSWORD:?}" DATABASE_WRITER_PASSWORD="${RAZONETE_WRITER_PASSWORD:?}"
    export DATABASE_DISPATCH_PASSWORD="${RAZONETE_DISPATCH_PASSWORD:?}"
    export DATABASE_CONSOLE_PASSWORD="${RAZONETE_CONSOLE_PASSWORD:?}"
    export DATABASE_OBSERVER_PASSWORD="${RAZONETE_OBSERVER_PASSWORD:?}"
    export INITIAL_ACCOUNTS="${RAZONETE_INITIAL_ACCOUNTS:-none}" IDEMPOTENCY_HOURS="${RAZONETE_IDEMPOTENCY_HOURS:-}"
    export SHARDS="${RAZONETE_SHARDS:-3}"
    [ $# -gt 0 ] || set -- --help
    set -- razonete "$@"
    ;;
  api)
    ours
    books razonete_api "${RAZONETE_API_PASSWORD:?}"
    redis api "$RAZONETE_API_PASSWORD"
    nats api "$RAZONETE_API_PASSWORD"
    export HOST="$address" PORT=8080 DRAIN_MS=1000 METRICS_PORT=9101
    export REQUEST_ID_HEADER=Razonete-Request-Id CLIENT_ADDRESS_HEADER=Razonete-Client-Address
    [ $# -gt 0 ] || set -- razonete api
    ;;
  writer)
    ours
    books razonete_writer "${RAZONETE_WRITER_PASSWORD:?}"
    redis writer "$RAZONETE_WRITER_PASSWORD"
    nats writer "$RAZONETE_WRITER_PASSWORD"
    export NATS_MONITOR_URL="$(each 8222 http://)" METRICS_PORT=9102
    [ $# -gt 0 ] || set -- razonete writer
    ;;
  dispatch)
    ours
    books razonete_dispatch "${RAZONETE_DISPATCH_PASSWORD:?}"
    export METRICS_PORT=9103
    [ $# -gt 0 ] || set -- razonete dispatch
    ;;
  console)
    ours
    books razonete_console "${RAZONETE_CONSOLE_PASSWORD:?}"
    # name-1=..., name-2=..., name-3=...: its name, the number of the first, what is before host:port, the port, what is after it.
    parts() {
      echo "$1-$2=$3$one:$4${5:-}, $1-$(($2 + 1))=$3$two:$4${5:-}, $1-$(($2 + 2))=$3$three:$4${5:-}"
    }
    targets="$(parts haproxy 1 http:// 8405 '/metrics?scope=global'), $(parts api 1 http:// 9101 /metrics)"
    targets="$targets, $(parts redis 1 redis:// 6379), $(parts redis 4 redis:// 6380), $(parts redis 7 redis:// 6381)"
    targets="$targets, $(parts nats 1 nats:// 4222), $(parts writer 1 http:// 9102 /metrics)"
    targets="$targets, $(parts dispatch 1 http:// 9103 /metrics)"
    export METRICS_TARGETS="$targets, ${RAZONETE_BOOKS_PARTS:-$(parts postgres 1 postgres:// 5432)}"
    export HOST="$address" PORT=9998 CLIENT_ADDRESS_HEADER=Razonete-Client-Address METRICS_PORT=9104
    [ $# -gt 0 ] || set -- razonete console
    ;;
  haproxy)
    export HAPROXY_BIND="${RAZONETE_BIND:-*:9999}" HAPROXY_TLS="${RAZONETE_TLS:-}"
    # The same list on each machine: so the requests of a shard meet in one API, whichever machine they came to.
    export HAPROXY_API_1="$one:8080" HAPROXY_API_2="$two:8080" HAPROXY_API_3="$three:8080"
    export HAPROXY_SHARDS="${RAZONETE_SHARDS:-3}" HAPROXY_APIS=3
    export HAPROXY_ADDRESS_CONNECTIONS="${RAZONETE_ADDRESS_CONNECTIONS-400}"
    export HAPROXY_ADDRESS_RATE="${RAZONETE_ADDRESS_RATE:-}" HAPROXY_KEY_RATE="${RAZONETE_KEY_RATE:-}"
    export HAPROXY_EVENTS=yes HAPROXY_KEY_LIMITS=yes HAPROXY_REQUEST_ID=yes REQUEST_ID_HEADER=Razonete-Request-Id
    export HAPROXY_CONSOLE="$address:9998" HAPROXY_METRICS="$address:8405"
    [ $# -gt 0 ] || set -- haproxy -f "$deploy/haproxy/haproxy.cfg"
    ;;
  *)
    echo "run.sh: docker-compose.yml has no service $service." >&2
    exit 1
    ;;
esac

# Each process gets its own passwords, and no others.
for name in $(env | sed -n 's/^\(RAZONETE_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
exec "$@"
