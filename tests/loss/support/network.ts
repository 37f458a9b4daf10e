/** The address of no card. */
const NOBODY = "02:00:00:00:00:01";

/**
 * A network of machines that are network namespaces of Linux, each with a card on a bridge. A cut puts the cards of each group
 * on a bridge of its own: what is sent to another group vanishes, as where a switch has lost its power. No address of it is
 * on the machine of the test, so networks of several runs do not see each other.
 */
export class TestNetwork implements Disposable {
  readonly machines: readonly string[];
  readonly #bridges: readonly string[];
  /** Who sends in vain, and to whom. */
  readonly #muted: (readonly [machine: string, other: string])[] = [];
  readonly #prefix = `rz${process.pid % 1_000_000}`;

  /** @param machines their names, of one letter */
  constructor(machines: readonly string[]) {
    this.machines = machines;
    this.#bridges = machines.map((machine) => `${this.#prefix}g${machine}`);
    for (const bridge of this.#bridges) {
      ip("link", "add", bridge, "type", "bridge");
      ip("link", "set", bridge, "up");
    }
    for (const [index, machine] of machines.entries()) {
      const namespace = this.#namespace(machine);
      ip("netns", "add", namespace);
      ip("link", "add", this.#card(machine), "type", "veth", "peer", "name", "eth0", "netns", namespace);
      ip("-n", namespace, "address", "add", `${addressOf(index)}/24`, "dev", "eth0");
      for (const device of ["lo", "eth0"]) ip("-n", namespace, "link", "set", device, "up");
      ip("link", "set", this.#card(machine), "up");
    }
    this.heal();
  }

  addressOf(machine: string): string {
    return addressOf(this.machines.indexOf(machine));
  }

  /** In front of a command that is to run on the machine. */
  on(machine: string): string[] {
    return ["ip", "netns", "exec", this.#namespace(machine)];
  }

  /** Those of a group reach each other, and nobody else. */
  cut(...groups: readonly (readonly string[])[]): void {
    for (const [index, group] of groups.entries())
      for (const machine of group)
        ip("link", "set", this.#card(machine), "master", String(this.#bridges[index]));
  }

  /** What this machine sends to those vanishes, and what they send arrives. */
  mute(machine: string, ...to: readonly string[]): void {
    for (const other of to) this.#neighbour(machine, "replace", other, "lladdr", NOBODY, "nud", "permanent");
    this.#muted.push(...to.map((other) => [machine, other] as const));
  }

  heal(): void {
    this.cut(this.machines);
    for (const [machine, other] of this.#muted.splice(0)) this.#neighbour(machine, "delete", other);
  }

  [Symbol.dispose](): void {
    // A card ends with its namespace.
    for (const machine of this.machines) ip("netns", "delete", this.#namespace(machine));
    for (const bridge of this.#bridges) ip("link", "delete", bridge);
  }

  #neighbour(machine: string, action: string, other: string, ...settings: readonly string[]): void {
    const at = ["-n", this.#namespace(machine), "neighbour", action, this.addressOf(other), "dev", "eth0"];
    ip(...at, ...settings);
  }

  #namespace(machine: string): string {
    return `${this.#prefix}-${machine}`;
  }

  #card(machine: string): string {
    return `${this.#prefix}c${machine}`;
  }
}

function addressOf(index: number): string {
  return `10.77.0.${index + 1}`;
}

function ip(...args: readonly string[]): void {
  const { success, stderr } = Bun.spawnSync(["ip", ...args], { stderr: "pipe" });
  if (!success) throw new Error(`ip ${args.join(" ")}: ${stderr.toString()}`);
}

/** Why no network can be made here; null where one can: for root, on Linux. */
export const networkMissing: string | null = whatIsMissing();

function whatIsMissing(): string | null {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "it takes root on Linux";
  try {
    new TestNetwork(["x", "y"])[Symbol.dispose]();
    return null;
  } catch (error) {
    return String(error);
  }
}
