import { expect, test } from "bun:test";
import { type ClusterView, parseClusterNodes, placeOf, primariesOf, slotOf } from "./cluster-map.ts";

// Of the shards' slots three were looked up in a Redis, by CLUSTER KEYSLOT.
test("a shard's slot is that of its hash tag", () => {
  expect([0, 1, 2, 9, 10, 63].map(slotOf)).toEqual([13907, 9842, 5649, 10106, 247, 10499]);
});

const TOLD = [
  "aaa 10.0.0.1:7001@17001,one.example myself,master - 0 0 3 connected 0-99 101 [102->-bbb]",
  "bbb 10.0.0.2:7002@17002 master,fail - 1 2 4 connected 100 102-16383",
  "ccc fe80::1:7003@17003, slave bbb 0 2 4 connected",
  "ddd :0@0 master,noaddr - 1 2 0 disconnected",
  "eee 10.0.0.5:7005@17005 handshake - 0 0 0 connected",
].join("\n");

test("a node tells of all nodes; those without an address, or not known yet, are left out", () => {
  const view = parseClusterNodes(`${TOLD}\n`, "asked");
  expect(
    view.map(({ id, host, port, isPrimary, isFailing }) => [id, host, port, isPrimary, isFailing]),
  ).toEqual([
    ["aaa", "one.example", 7001, true, false],
    ["bbb", "10.0.0.2", 7002, true, true],
    ["ccc", "fe80::1", 7003, false, false],
  ]);
  expect(view[0]?.slots).toEqual([
    [0, 99],
    [101, 101],
  ]);
  expect(parseClusterNodes("aaa :7001@17001 myself,master - 0 0 0 connected", "asked")[0]?.host).toBe(
    "asked",
  );
});

test("who has a slot, and who follows; of two claims the later counts", () => {
  const before = parseClusterNodes(TOLD, "asked");
  expect(placeOf(101, [before])?.primary.id).toBe("aaa");
  const place = placeOf(100, [before]);
  expect([place?.primary.id, place?.replicas.map(({ id }) => id)]).toEqual(["bbb", ["ccc"]]);
  const after: ClusterView = [
    {
      ...node("ccc"),
      isPrimary: true,
      epoch: 5,
      slots: [
        [100, 100],
        [102, 16383],
      ],
    },
    { ...node("bbb"), isPrimary: false, primaryId: "ccc" },
  ];
  for (const views of [
    [before, after],
    [after, before],
  ])
    expect(placeOf(16383, views)?.primary.id).toBe("ccc");
  expect(placeOf(5, [after])).toBeNull();

  function node(id: string) {
    const found = before.find((one) => one.id === id);
    if (found === undefined) throw new Error(id);
    return found;
  }
});

test("all primaries are told only where each slot has one", () => {
  const view = parseClusterNodes(TOLD, "asked");
  expect(primariesOf([view])?.map(({ id }) => id)).toEqual(["aaa", "bbb"]);
  expect(primariesOf([view.filter(({ id }) => id === "bbb")])).toBeNull();
  expect(primariesOf([])).toBeNull();
});
