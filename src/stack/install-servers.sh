#!/bin/sh
# Installs Debian packages of servers, as root, without starting any service on the machine.
# Arguments: the packages. What is changed for the installation is undone at its end.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Only one installation at a time: two of them would undo each other's changes.
exec 9>/var/lock/razonete-install
flock 9

policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/razonete.conf
made_policy=no
trap 'rm -f "$cluster"; [ "$made_policy" = no ] || rm -f "$policy"' EXIT

# Debian's packages ask this program before they start a service. 101: no.
if [ ! -e "$policy" ]; then
  made_policy=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
# PostgreSQL's package would also create a database of its own.
mkdir -p "${cluster%/*}"
echo 'create_main_cluster = false' >"$cluster"

apt() { apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@"; }
apt update
apt install --no-install-recommends "$@"

# The services must not start at the next boot either.
if command -v systemctl >/dev/null; then
  for unit in redis-server nats-server haproxy postgresql prometheus prometheus-redis-exporter prometheus-postgres-exporter prometheus-node-exporter; do
    case " $* " in *" $unit "*) systemctl disable --quiet "$unit" || true ;; esac
  done
fi
