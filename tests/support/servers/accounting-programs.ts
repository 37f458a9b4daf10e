/**
 * The programs that read exports. Where a machine has none and is a Debian or Ubuntu that this user may change, as a fresh
 * CI machine is, they are installed; anywhere else the tests that need them say why they were skipped.
 */

const PACKAGES = {
  ledger: "ledger",
  hledger: "hledger",
  "bean-check": "beancount",
  python3: "python3",
} as const;

/** Why they cannot be used; `null` if they can. */
export const programsMissing: string | null = install();

function install(): string | null {
  const missing = Object.entries(PACKAGES).filter(([program]) => Bun.which(program) === null);
  if (missing.length === 0) return null;
  const packages = missing.map(([, name]) => name);
  const reason = `not installed: ${packages.join(", ")}`;
  if (Bun.which("apt-get") === null || process.getuid?.() !== 0) return reason;
  console.error(`Installing ${packages.join(", ")}, once, to read exports with (a minute) ...`);
  for (const command of [
    ["update", "-qq"],
    ["install", "-qq", "-y", "--no-install-recommends", ...packages],
  ]) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const { success } = Bun.spawnSync(["apt-get", ...command], { env, stdout: "ignore", stderr: "ignore" });
    if (!success) return `${reason}, and apt-get ${command[0]} failed`;
  }
  return null;
}

/** What a program has of an account: the digits of an amount without its point, and what it is an amount of. */
export interface ReadBalance {
  readonly digits: bigint;
  readonly decimals: number;
  readonly commodity: string;
}

/** By the account's name in the file. An account has one unit. Without those that have nothing. */
export type ReadBalances = ReadonlyMap<string, ReadBalance>;

export const READERS: Readonly<
  Record<string, { readonly format: "ledger" | "beancount"; readonly read: (file: string) => ReadBalances }>
> = {
  ledger: {
    format: "ledger",
    read: (file) => {
      const line = "%(account)\t%(quantity(scrub(display_total)))\t%(commodity(scrub(display_total)))\n";
      const told = run(
        "ledger",
        "--args-only",
        "-f",
        file,
        "balance",
        "^Accounts:",
        "--flat",
        "--no-total",
        "--format",
        line,
      );
      const rows = told.split("\n").filter((row) => row.startsWith("Accounts:"));
      return balancesIn(rows.map((row) => row.split("\t")));
    },
  },
  hledger: {
    format: "ledger",
    read: (file) => {
      run("hledger", "-f", file, "check", "--strict");
      const told = run("hledger", "-f", file, "balance", "Accounts", "--no-total", "-O", "csv");
      return balancesIn(
        [...told.matchAll(/^"(Accounts:[^"]+)","(\S+) (.*)"$/gm)].map(
          ([, account = "", amount = "", unit = ""]) => [account, amount, unit.replaceAll('""', '"')],
        ),
      );
    },
  },
  beancount: {
    format: "beancount",
    read: (file) => {
      run("bean-check", file);
      // As a text: of small numbers it cuts off what it has no room for.
      const query =
        "SELECT account, str(sum(number)), currency WHERE account ~ 'Assets' GROUP BY account, currency";
      const told = run("bean-query", "-f", "csv", file, query);
      return balancesIn(
        [...told.matchAll(/^(\S+) *,Decimal\('([^']+)'\) *,(\S+) *$/gm)].map(([, ...fields]) => fields),
      );
    },
  },
};

function balancesIn(rows: readonly (readonly string[])[]): ReadBalances {
  const found = new Map<string, ReadBalance>();
  for (const [account = "", amount = "", commodity = ""] of rows) {
    // A small one may be such as -1E-12.
    const [, whole = "", fraction = "", exponent = "0"] =
      /^(-?\d+)(?:\.(\d*))?(?:E([+-]?\d+))?$/.exec(amount) ?? [];
    if (whole === "") throw new Error(`no amount: ${amount} of ${account}`);
    const decimals = fraction.length - Number(exponent);
    const digits = BigInt(whole + fraction);
    if (digits === 0n) continue;
    if (found.has(account)) throw new Error(`${account} has several units`);
    found.set(account, { digits, decimals, commodity });
  }
  return found;
}

/** @returns what it wrote; it fails where the program finds a fault */
export function run(...command: readonly string[]): string {
  const env = { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", HOME: "/nonexistent" };
  const { stdout, stderr, exitCode } = Bun.spawnSync([...command], { env, stderr: "pipe" });
  if (exitCode !== 0 || stderr.length > 0)
    throw new Error(`${command[0]} ended with ${exitCode}: ${stderr.toString().slice(0, 2_000)}`);
  return stdout.toString();
}
