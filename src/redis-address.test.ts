import { expect, test } from "bun:test";
import { bareAddress, redisAddress, urlOfNode } from "./redis-address.ts";

test("one Redis is taken as it is, the nodes of a cluster one by one, each with the same user and CAs", () => {
  for (const url of [
    "redis://127.0.0.1:6379",
    "rediss://me:pass@host:6380/0",
    "unix://:password@/run/redis.sock",
  ])
    expect(redisAddress(url)).toEqual({ isCluster: false, urls: [url] });
  expect(redisAddress("redis-cluster://me:p%2Fw@a:6379,[::1]:6380,10.0.0.2:6379")).toEqual({
    isCluster: true,
    urls: ["redis://me:p%2Fw@a:6379", "redis://me:p%2Fw@[::1]:6380", "redis://me:p%2Fw@10.0.0.2:6379"],
  });
  expect(redisAddress("rediss-cluster://a:1,b:2?sslrootcert=%2Fca.pem").urls).toEqual([
    "rediss://a:1?sslrootcert=%2Fca.pem",
    "rediss://b:2?sslrootcert=%2Fca.pem",
  ]);
});

test("another node of the cluster is reached the same way", () => {
  const url = "rediss://me:p%2Fw@a:6379?sslrootcert=%2Fca.pem";
  expect(urlOfNode(url, "b.example", 7000)).toBe("rediss://me:p%2Fw@b.example:7000?sslrootcert=%2Fca.pem");
  expect(urlOfNode(url, "fe80::1", 7000)).toBe("rediss://me:p%2Fw@[fe80::1]:7000?sslrootcert=%2Fca.pem");
});

test("a person is told an address without its password", () => {
  expect(bareAddress("redis://me:secret@a:6379")).toBe("a:6379");
  expect(bareAddress("unix://me:secret@/run/redis.sock")).toBe("/run/redis.sock");
});
