# The ledger's own processes: `api`, `writer` and `init` of docker-compose.yml are this one image, the last one here, with one
# file in it. The two before it are for deploy/machines.

FROM node:22-bookworm-slim AS build
WORKDIR /razonete
# Bun comes with the dependencies, in the version that package-lock.json pins.
COPY package.json package-lock.json .npmrc ./
COPY scripts ./scripts
RUN node scripts/install.mjs
COPY src ./src
RUN npm run build

# A node of a Redis Cluster: deploy/start-redis.sh asks `razonete redis-guard` before it starts.
FROM redis:7.0 AS redis-node
COPY --from=build /razonete/dist/razonete /usr/local/bin/razonete

# PostgreSQL that Patroni looks after, and etcd.
FROM debian:bookworm-slim AS patroni
RUN apt-get update \
  && apt-get install --yes --no-install-recommends patroni etcd-server etcd-client postgresql-15 \
  && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/15/main \
  && mkdir -p /var/lib/etcd && chown postgres: /var/lib/etcd
ENV ETCDCTL_API=3
USER postgres

FROM debian:bookworm-slim AS ledger
COPY --from=build /razonete/dist/razonete /usr/local/bin/razonete
USER nobody
ENTRYPOINT ["razonete"]
CMD ["--help"]
