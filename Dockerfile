# The ledger's own processes: `api`, `writer` and `init` of docker-compose.yml are this one image, with one file in it.

FROM node:22-bookworm-slim AS build
WORKDIR /razonete
# Bun comes with the dependencies, in the version that package-lock.json pins.
COPY package.json package-lock.json .npmrc ./
COPY scripts ./scripts
RUN node scripts/install.mjs
COPY src ./src
RUN npm run build

FROM debian:bookworm-slim
COPY --from=build /razonete/dist/razonete /usr/local/bin/razonete
USER nobody
ENTRYPOINT ["razonete"]
CMD ["--help"]
