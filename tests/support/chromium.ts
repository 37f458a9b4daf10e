/**
 * The browser that pages are tested in. Where a machine has none and is a Debian or Ubuntu that this user may
 * change, as a fresh CI machine is, it is installed; anywhere else the tests that need it say why they were skipped.
 */
import { type BrowserContext, chromium } from "playwright-core";
import { mkdtemp, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";

export type Chromium =
  { readonly found: true; readonly path: string } | { readonly found: false; readonly reason: string };

const commands = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"] as const;
const applications = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
] as const;

export async function findChromium(): Promise<Chromium> {
  const present = onThisMachine();
  if (present !== null) return { found: true, path: present };
  if (Bun.which("apt-get") === null)
    return missing("and this is not a Debian or Ubuntu machine to install it on");
  if (process.getuid?.() !== 0) return missing("and only root may install it: apt-get install chromium");
  console.error("Installing Chromium, once, to test pages in it (a minute or two) ...");
  for (const command of [
    ["update", "-qq"],
    ["install", "-qq", "-y", "--no-install-recommends", "chromium"],
  ]) {
    const failure = await aptGet(command);
    if (failure !== null) return missing(`and it could not be installed: ${failure}`);
  }
  const installed = onThisMachine();
  return installed === null ? missing("though apt-get installed it") : { found: true, path: installed };
}

export interface Browser {
  readonly context: BrowserContext;
  readonly close: () => Promise<void>;
}

/** A browser of its own, with an empty profile; `close` leaves nothing behind. */
export async function openChromium(path: string): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "razonete-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: path,
    headless: true,
    args: [
      "--no-sandbox", // without which it refuses to run as root
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  return {
    context,
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

function onThisMachine(): string | null {
  for (const command of commands) {
    const path = Bun.which(command);
    if (path !== null) return path;
  }
  return applications.find((path) => existsSync(path)) ?? null;
}

/** Null where it went well, else the last thing that apt-get said. */
async function aptGet(command: readonly string[]): Promise<string | null> {
  // Another test run on this machine may be installing the same: wait for it.
  const apt = Bun.spawn(["apt-get", "-o", "DPkg::Lock::Timeout=300", ...command], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdout: "ignore",
    stderr: "pipe",
    stdin: "ignore",
  });
  const said = await new Response(apt.stderr).text();
  if ((await apt.exited) === 0) return null;
  return said.trim().split("\n").at(-1) ?? "apt-get failed";
}

function missing(why: string): Chromium {
  return { found: false, reason: `there is no Chromium on this machine, ${why}` };
}

/** To be evaluated in a page before its colours are judged: none of them is on its way to another one after that. */
export const STAND_STILL = `document.getAnimations()
  .filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity).forEach((one) => one.finish())`;
