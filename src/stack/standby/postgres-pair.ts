import { messageOf, StartError } from "../../errors.ts";
import type { Report } from "../../log/report.ts";
import { removeStaleLockFile } from "../postgres.ts";
import { stackBounds } from "../stack-bounds.ts";
import type { SupervisedProcess } from "../supervised-process.ts";
import { askNode, checkpoint, type NodeState, promote } from "./ask-node.ts";
import { copyAnew, endAll, isStandby, mayBeWoundBack, windBack } from "./node-folders.ts";
import type { PairPlan, PostgresNode } from "./pair-plan.ts";
import { readPrimary, writePrimary } from "./primary-file.ts";

const START_PAUSE_MILLISECONDS = 50;
/** As of any process of a stack: after so many crashes in a row the start is given up. */
const CRASHES_AT_START_MAX = 5;
/** How often they are looked at while they are not what they should be. */
const UNFOLLOWED_LOOK_MILLISECONDS = 200;
/** Between two attempts to make a standby of a server. */
const COPY_PAUSE_MILLISECONDS = 5_000;

/** What keeps one of them running. */
export type PairProcess = Pick<SupervisedProcess, "start" | "hold" | "crashesInARow" | "lastWords">;

interface Member {
  readonly node: PostgresNode;
  readonly process: PairProcess;
}

/**
 * Keeps two PostgreSQL running as primary and standby.
 *
 * Each that ends is started again by its SupervisedProcess, as it was. This looks at both once a moment, and does what a
 * start alone does not:
 *
 * - The primary does not answer for a while, dead or frozen, and the standby does: the primary is killed with all of its
 *   sessions, which is the fence on one machine; it is noted that the standby is the primary; the standby is promoted. All
 *   that was confirmed to anybody is on it, since a commit waits for it.
 * - What is no standby, because it was the primary until then or has no folder, is made one: wound back to where the two
 *   parted, or else copied. It is not started before.
 * - A standby that runs and does not follow for long is copied anew, as one that lacks what the primary has thrown away.
 *
 * It never takes back that a commit waits for the standby. While there is none nothing is kept, and what is decided waits in
 * Redis; the way out is always to make a standby, which this does.
 */
export class PostgresPair {
  readonly #plan: PairPlan;
  readonly #say: Report;
  readonly #onChange: () => void;
  #primary: Member;
  #standby: Member;
  /** Since when the primary has not answered; null: it has. */
  #silentSince: number | null = null;
  /** When the standby was last seen to follow, or was started. */
  #followedAt = performance.now();
  #isFollowed = false;
  /** At any time since the start. */
  #wasFollowed = false;
  #hasToldAlone = false;
  /** What was said lets a person wait for it. */
  #tellsFollowed = false;
  #copyAfter = 0;
  readonly #closing = new AbortController();
  #looking: Promise<void> | null = null;

  /**
   * @param processes of the plan's nodes, in their order
   * @param onChange called when the other one has become the primary
   */
  constructor(
    plan: PairPlan,
    processes: readonly PairProcess[],
    say: Report,
    onChange: () => void = () => {},
  ) {
    this.#plan = plan;
    this.#say = say;
    this.#onChange = onChange;
    const [first, second] = plan.nodes.map((node, index): Member => {
      const process = processes[index];
      if (process === undefined) throw new Error(`${node.name} has no process`);
      return { node, process };
    });
    if (first === undefined || second === undefined) throw new Error("a pair has two nodes");
    const isSecond = readPrimary(plan.tools.path) === second.node.name;
    [this.#primary, this.#standby] = isSecond ? [second, first] : [first, second];
  }

  /**
   * Resolves when the primary answers and is followed, or `interrupted` is aborted. From then on both are looked after,
   * until {@link close}.
   *
   * @throws StartError if neither can be the primary, or no standby can be made
   */
  async start(interrupted: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    this.#primary.process.start();
    if (isStandby(this.#standby.node)) this.#standby.process.start();
    this.#looking = this.#lookAfter();
    while (!interrupted.aborted && !this.#isClosed && !this.#isFollowed) {
      const { node, process } = this.#primary;
      const state = await askNode(this.#standby.node, node);
      if (process.crashesInARow >= CRASHES_AT_START_MAX && state === null)
        throw new StartError(`${node.name} does not start. ${process.lastWords()}`);
      if (performance.now() - startedAt > stackBounds.start_milliseconds_max)
        throw new StartError(`PostgreSQL has no standby. ${this.#standby.process.lastWords()}`);
      await Bun.sleep(START_PAUSE_MILLISECONDS);
    }
  }

  /** As it was last seen, or made; undefined for what is none of the two. */
  roleOf(name: string): "primary" | "standby" | undefined {
    if (name === this.#primary.node.name) return "primary";
    return name === this.#standby.node.name ? "standby" : undefined;
  }

  /** From now on it starts nothing. Resolves when it has left the two to themselves. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#looking;
  }

  async #lookAfter(): Promise<void> {
    while (!this.#isClosed) {
      const begunAt = performance.now();
      try {
        await this.#look();
      } catch (error) {
        if (!this.#isClosed) this.#say(`PostgreSQL's servers: ${messageOf(error)}; it is tried again.`);
        await this.#pause(COPY_PAUSE_MILLISECONDS);
      }
      const pace = this.#isFollowed ? stackBounds.postgres_look_milliseconds : UNFOLLOWED_LOOK_MILLISECONDS;
      await this.#pause(begunAt + pace - performance.now());
    }
  }

  /** The primary answers, and is followed. */
  get isWhole(): boolean {
    return this.#isFollowed && this.#silentSince === null;
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #look(): Promise<void> {
    const begunAt = performance.now();
    const state = await askNode(this.#primary.node, this.#standby.node);
    if (this.#isClosed) return;
    if (state === null) {
      this.#silentSince ??= begunAt;
      if (performance.now() - this.#silentSince >= stackBounds.postgres_silent_milliseconds_max)
        await this.#takeOver();
      return;
    }
    this.#silentSince = null;
    // It was noted as the primary, and then something came between.
    if (state.role === "standby") return this.#promote();
    await this.#lookAfterStandby(state);
  }

  async #takeOver(): Promise<void> {
    const [former, next] = [this.#primary, this.#standby];
    if (!isStandby(next.node)) return;
    if ((await askNode(next.node, former.node))?.role !== "standby" || this.#isClosed) return;
    this.#say(`${former.node.name} does not answer: it is ended, and ${next.node.name} takes over.`, {
      process: former.node.name,
      outage: "away",
    });
    await former.process.hold();
    await endAll(former.node);
    writePrimary(this.#plan.tools.path, next.node);
    [this.#primary, this.#standby] = [next, former];
    this.#silentSince = null;
    this.#isFollowed = false;
    this.#tellsFollowed = true;
    await this.#promote();
  }

  async #promote(): Promise<void> {
    const { node } = this.#primary;
    await promote(node);
    this.#onChange();
    this.#say(`${node.name} is the primary now.`, { process: node.name });
  }

  async #lookAfterStandby({
    isFollowed,
  }: NonNullable<NodeState> & { readonly role: "primary" }): Promise<void> {
    const now = performance.now();
    const { node } = this.#standby;
    if (isFollowed) {
      if (!this.#isFollowed) this.#tellFollowed();
      this.#isFollowed = true;
      this.#wasFollowed = true;
      this.#followedAt = now;
      return;
    }
    if (this.#isFollowed) {
      this.#isFollowed = false;
      this.#followedAt = now;
      return;
    }
    this.#tellAlone(now);
    const isLost = now - this.#followedAt > stackBounds.postgres_unfollowed_milliseconds_max;
    if (isStandby(node) && !isLost) return;
    if (now < this.#copyAfter) return;
    await this.#makeStandby(isLost);
  }

  #tellFollowed(): void {
    if (!this.#hasToldAlone && !this.#tellsFollowed) return;
    this.#hasToldAlone = this.#tellsFollowed = false;
    this.#say(`${this.#standby.node.name} follows ${this.#primary.node.name}.`, {
      process: this.#standby.node.name,
    });
  }

  /** Not at once: one that is killed is back in a moment. */
  #tellAlone(now: number): void {
    if (this.#hasToldAlone || now - this.#followedAt < stackBounds.postgres_silent_milliseconds_max) return;
    this.#hasToldAlone = true;
    this.#say(
      `${this.#standby.node.name} does not follow ${this.#primary.node.name}: until it does nothing is committed, and what is ` +
        "decided waits in Redis.",
      { process: this.#standby.node.name, outage: "away" },
    );
  }

  /** @param copied it is made anew, whatever it has */
  async #makeStandby(copied: boolean): Promise<void> {
    const { node, process } = this.#standby;
    const primary = this.#primary.node;
    this.#copyAfter = performance.now() + COPY_PAUSE_MILLISECONDS;
    await process.hold();
    await endAll(node);
    const { tools } = this.#plan;
    const { signal } = this.#closing;
    const isWhole = mayBeWoundBack(node);
    if (copied || !isWhole || !(await this.#hasWoundBack())) {
      if (this.#isClosed) return;
      this.#tellCopied(
        copied ? "it does not follow" : isWhole ? null : "its folder is missing, or half-made",
      );
      await copyAnew(node, primary, tools, signal);
    }
    if (this.#isClosed) return;
    process.start();
    this.#followedAt = performance.now();
  }

  /** At a first start nothing is wrong: there was no standby yet. */
  #tellCopied(why: string | null): void {
    if (why === null || !this.#wasFollowed) return;
    this.#tellsFollowed = true;
    const { name } = this.#standby.node;
    this.#say(`${name} is copied anew from ${this.#primary.node.name}: ${why}.`, { process: name });
  }

  async #hasWoundBack(): Promise<boolean> {
    const { node } = this.#standby;
    const primary = this.#primary.node;
    try {
      await removeStaleLockFile(node.folder);
      await checkpoint(primary);
      await windBack(node, primary, this.#plan.tools, this.#closing.signal);
      return true;
    } catch (error) {
      if (!this.#isClosed)
        this.#say(`${node.name} is copied, since it cannot be wound back: ${messageOf(error)}`);
      return false;
    }
  }

  async #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted || milliseconds <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    const onAbort = (): void => resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    await promise;
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
