import { expect, test } from "bun:test";
import { ErrorReply } from "@redis/client";
import { redisAnswer } from "../../keep/must-wait.ts";
import { NODE_FAULT, whyMoved } from "./moved.ts";

const MOVED = "MOVED 13907 10.0.0.1:28798";

test("of a cluster it means that the primary has changed, of what was taken for one Redis that it is a node", () => {
  expect(whyMoved(MOVED, true)).toBe("another node is the primary now, 10.0.0.1:28798");
  expect(whyMoved(MOVED, false)).toBe(NODE_FAULT);
  expect(whyMoved("CLUSTERDOWN The cluster is down", true)).toBeNull();
});

test("a writer says so, and not what Redis said", async () => {
  const told = (isCluster: boolean) =>
    redisAnswer(isCluster, Promise.reject(new ErrorReply(MOVED))).catch((error: unknown) => error);
  expect(await told(true)).toMatchObject({
    outage: "away",
    message:
      "Redis cannot be used (another node is the primary now, 10.0.0.1:28798): what is answered is kept when it can",
  });
  expect(await told(false)).toMatchObject({ outage: "settings", message: `${NODE_FAULT}: nothing is kept` });
});
