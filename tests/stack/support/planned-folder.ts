import type { DataFolder } from "../../../src/stack/data-folder.ts";

/** A stack's data folder for plans of which nothing is started: it is not there. */
export const plannedFolder: DataFolder = {
  path: "/data",
  logs: "/data/logs",
  run: "/data/run",
  redis: "/data/redis",
  nats: "/data/nats",
  postgres: "/data/postgres",
  stackFile: "/data/stack.json",
  operatorFile: "/data/operator.env",
  password: "a-password-of-the-tests-alone",
  release: () => {},
};
