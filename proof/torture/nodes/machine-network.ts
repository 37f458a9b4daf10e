import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Why machines cannot be made of network namespaces here; null if they can. */
export function whyNoMachines(): string | null {
  if (process.platform !== "linux") return "network namespaces are a part of Linux";
  if (process.getuid?.() !== 0) return "only root may make network namespaces";
  const name = `rzt-${process.pid}`;
  const made = ip("netns", "add", name);
  if (made === null) ip("netns", "del", name);
  return made;
}

/**
 * Machines for the nodes of Redis: each a network namespace with an address of its own, and a bridge between them, on which
 * this machine is, too. So machines can be cut off each other, while APIs and writers reach all of them. What is sent between
 * machines that are apart is lost, and no connection is told so.
 */
export class MachineNetwork {
  readonly #count: number;
  /** In all names, so that several can be there at once. */
  readonly #name: string;
  /** The first three numbers of the addresses. */
  readonly #subnet: string;
  /** What removes it all, for the watchdog as well; see watchdog.sh. */
  readonly #undoFile: string;
  readonly #undo: string[];
  /** How many cuts are between two machines. */
  readonly #cuts = new Map<string, number>();

  /**
   * @param folder in which it is noted what has to be removed
   * @throws Error if it cannot be made
   */
  constructor(count: number, folder: string) {
    this.#count = count;
    const drawn = crypto.getRandomValues(new Uint8Array(2));
    this.#name = `rzt${drawn.toHex()}`;
    this.#subnet = `10.${drawn.join(".")}`;
    this.#undoFile = join(folder, "network-to-remove");
    const machines = Array.from({ length: count }, (_, machine) => machine);
    this.#undo = [
      ...machines.map((machine) => `netns del ${this.#namespace(machine)}`),
      `link del ${this.#name}`,
    ];
    writeFileSync(this.#undoFile, `${this.#undo.join("\n")}\n`);
    try {
      order(`link add ${this.#name} type bridge`);
      order(`address add ${this.#subnet}.254/24 dev ${this.#name}`);
      order(`link set ${this.#name} up`);
      for (const machine of machines) this.#add(machine);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  hostOf(machine: number): string {
    return `${this.#subnet}.${machine + 1}`;
  }

  /** The same command, on that machine. */
  commandOn(machine: number, command: readonly string[]): readonly string[] {
    return ["ip", "netns", "exec", this.#namespace(machine), ...command];
  }

  /** Cuts each of these machines off all that are not among them. @returns a function that undoes it */
  cutOff(machines: readonly number[]): () => void {
    const others = Array.from({ length: this.#count }, (_, machine) => machine).filter(
      (machine) => !machines.includes(machine),
    );
    return this.#cut(machines.flatMap((one) => others.map((other) => [one, other] as const)));
  }

  /** Cuts between two machines. @returns a function that undoes it */
  cutBetween(one: number, other: number): () => void {
    return this.#cut([[one, other]]);
  }

  /** Call it when nothing runs on the machines any more. */
  remove(): void {
    for (const line of this.#undo) ip(...line.split(" "));
    rmSync(this.#undoFile, { force: true });
  }

  #namespace(machine: number): string {
    return `${this.#name}-${machine + 1}`;
  }

  #add(machine: number): void {
    const namespace = this.#namespace(machine);
    const [outside, inside] = [`${this.#name}o${machine + 1}`, `${this.#name}i${machine + 1}`];
    order(`netns add ${namespace}`);
    order(`link add ${outside} type veth peer name ${inside} netns ${namespace}`);
    order(`link set ${outside} master ${this.#name} up`);
    order(`-n ${namespace} address add ${this.hostOf(machine)}/24 dev ${inside}`);
    order(`-n ${namespace} link set ${inside} up`);
    order(`-n ${namespace} link set lo up`);
  }

  #cut(pairs: readonly (readonly [number, number])[]): () => void {
    for (const [one, other] of pairs) this.#change(one, other, 1);
    return () => {
      for (const [one, other] of pairs) this.#change(one, other, -1);
    };
  }

  /** A route into nowhere on both sides, as long as there is any cut between them. */
  #change(one: number, other: number, by: 1 | -1): void {
    const key = [one, other].toSorted((a, b) => a - b).join(" ");
    const before = this.#cuts.get(key) ?? 0;
    this.#cuts.set(key, before + by);
    if (before !== 0 && before + by !== 0) return;
    const verb = by === 1 ? "add" : "del";
    order(`-n ${this.#namespace(one)} route ${verb} blackhole ${this.hostOf(other)}/32`);
    order(`-n ${this.#namespace(other)} route ${verb} blackhole ${this.hostOf(one)}/32`);
  }
}

/** @throws Error with what `ip` said, if it failed */
function order(line: string): void {
  const wrong = ip(...line.split(" "));
  if (wrong !== null) throw new Error(`ip ${line}: ${wrong}`);
}

/** @returns what it said, if it failed; else null */
function ip(...words: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync("ip", words, { encoding: "utf8" });
  return status === 0 ? null : (error?.message ?? stderr.trim());
}
