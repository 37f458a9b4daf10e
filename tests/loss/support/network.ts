/**
 * A network of machines that are network namespaces of Linux, each with a card on a bridge. A cut puts the cards of each group
 * on a bridge of its own: what is sent to another group vanishes, as where a switch has lost its power. No address of it is
 * on the machine of the test, so networks of several runs do not see each other.
 */
export class TestNetwork implements Disposable {
  readonly machines: readonly string[];
  readonly #bridges: readonly string[];
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

  heal(): void {
    this.cut(this.machines);
  }

  [Symbol.dispose](): void {
    // A card ends with its namespace.
    for (const machine of this.machines) ip("netns", "delete", this.#namespace(machine));
    for (const bridge of this.#bridges) ip("link", "delete", bridge);
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
