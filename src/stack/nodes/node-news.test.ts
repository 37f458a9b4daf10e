import { expect, test } from "bun:test";
import { parseNodeLines, type NodeLine } from "../../decide/nodes/node-lines.ts";
import { NodeNews } from "./node-news.ts";

/** Of one shard, whose slot all slots are here. */
function view(...nodes: readonly string[]): NodeLine[] {
  return parseNodeLines(nodes.join("\n"));
}

const primary = (name: string, epoch: number, flags = "master"): string =>
  `${name} 10.0.0.${name}:6379@16379 ${flags} - 0 0 ${epoch} connected 0-16383`;
const replica = (name: string, of: string, flags = "slave"): string =>
  `${name} 10.0.0.${name}:6379@16379 ${flags} ${of} 0 0 1 connected`;

/** What is told, if a node says this in one second after the other. */
function told(...views: readonly NodeLine[][]): string[] {
  const news = new NodeNews(1);
  return views.flatMap((each, second) =>
    news.look(each, second * 1_000).map(({ line }) => `${second} ${line}`),
  );
}

const whole = view(primary("1", 1), replica("2", "1"));
const replaced = view("1 10.0.0.1:6379@16379 master,fail - 0 0 1 connected", primary("2", 2));

test("a primary that is replaced, and comes back as a replica", () => {
  const back = view(replica("1", "2"), primary("2", 2));
  expect(told(whole, whole, replaced, replaced, back, back)).toEqual([
    "2 10.0.0.2:6379 is the primary of shard 0 now.",
    "4 10.0.0.1:6379 follows 10.0.0.2:6379.",
  ]);
});

test("a node that has not heard of it yet changes nothing", () => {
  expect(told(whole, replaced, whole, replaced, whole)).toEqual([
    "1 10.0.0.2:6379 is the primary of shard 0 now.",
  ]);
});

test("one that does not answer, once it has been so for a while, and that it is over", () => {
  const silent = view(primary("1", 1), replica("2", "1", "slave,fail?"));
  expect(told(whole, ...Array.from({ length: 30 }, () => silent), whole, whole)).toEqual([
    "12 10.0.0.2:6379 has not answered for a while. It is the primary of no shard.",
    "31 10.0.0.2:6379 answers again.",
  ]);
  const alone = view(primary("1", 1, "master,fail"), replica("2", "1"));
  expect(told(whole, ...Array.from({ length: 15 }, () => alone))).toEqual([
    "12 10.0.0.1:6379 has not answered for a while. It is the primary of shard 0 still.",
  ]);
});
