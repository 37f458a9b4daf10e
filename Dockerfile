# The ledger's own processes: `api`, `writer` and `init` of docker-compose.yml are this one image.

# Bun comes with the dependencies, in the version that package-lock.json pins.
FROM node:22-bookworm-slim AS dependencies
WORKDIR /razonete
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && node node_modules/bun/install.js

FROM debian:bookworm-slim
WORKDIR /razonete
COPY --from=dependencies /razonete/node_modules ./node_modules
COPY package.json ./
COPY src ./src
USER nobody
ENTRYPOINT ["node_modules/.bin/bun", "src/cli/main.ts"]
CMD ["--help"]
