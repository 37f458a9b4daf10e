import { NO_ANSWER_YET } from "../probes.ts";
import type { SupervisedProcess } from "../supervised-process.ts";

type Node = Pick<SupervisedProcess, "plan" | "pid" | "running" | "needsPerson">;

/** What is to be done about these nodes of Redis, of a shard that does not decide; null: all of them run and answer. */
export async function adviseOnNodes(nodes: readonly Node[]): Promise<string | null> {
  const looked = await Promise.all(
    nodes.map(async (node) => ({ node, reason: node.running ? await node.plan.probe() : null })),
  );
  const ended = looked.filter(({ node }) => !node.running).map(({ node }) => node);
  // Any other reason is an answer, as of one that loads its log, or that of a start: it has to be left alone.
  const silent = looked.filter(({ reason }) => reason === NO_ANSWER_YET).map(({ node }) => node);
  const waiting = ended.filter(({ needsPerson }) => !needsPerson);
  const refused = ended.filter(({ needsPerson }) => needsPerson);
  const sentences = [
    ...(silent.length === 0
      ? []
      : [
          `${namesOf(silent)} ${silent.length === 1 ? "runs and does" : "run and do"} not answer: if that lasts, ` +
            `kill -9 ${silent.map(({ pid }) => pid).join(" ")}, and the stack starts ${silent.length === 1 ? "it" : "them"} again.`,
        ]),
    ...(waiting.length === 0
      ? []
      : [
          `The stack starts ${namesOf(waiting)} again as soon as ${waiting.length === 1 ? "it" : "each"} may: wait.`,
        ]),
    ...(refused.length === 0 ? [] : [`What to do about ${namesOf(refused)} was said above.`]),
  ];
  return sentences.length === 0 ? null : sentences.join(" ");
}

function namesOf(nodes: readonly Node[]): string {
  return nodes.map(({ plan }) => plan.name).join(", ");
}
