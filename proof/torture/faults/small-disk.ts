import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FILL_ATTEMPTS_MAX = 50;

/** Why no disk can be made on this machine; null if it can. */
export function whyNoDisks(): string | null {
  if (process.platform !== "linux") return "memory disks are Linux's";
  if (process.getuid?.() !== 0) return "only root may mount one";
  const folder = mkdtempSync(join(tmpdir(), "razonete-disk-"));
  try {
    const refusal = mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder);
    if (refusal !== null) return refusal;
    unmount(folder);
    return null;
  } finally {
    rmdirSync(folder);
  }
}

/**
 * A disk in memory (tmpfs) mounted over a folder, with the folder's contents: one that can be filled. It takes as much
 * memory as is written to it.
 */
export class SmallDisk {
  readonly #folder: string;
  readonly #bytes: number;
  #fills = 0;

  /**
   * @param folder not in use yet
   * @throws Error if it cannot be mounted
   */
  constructor(folder: string, bytes: number) {
    this.#folder = folder;
    this.#bytes = bytes;
    const { uid, gid, mode } = statSync(folder);
    const before = `${folder}.before`;
    renameSync(folder, before);
    mkdirSync(folder);
    const refusal = mount("-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder);
    if (refusal !== null) throw new Error(`a memory disk cannot be mounted on ${folder}: ${refusal}`);
    copyAll(before, folder);
    chownSync(folder, uid, gid);
    chmodSync(folder, mode);
    rmSync(before, { recursive: true });
  }

  /**
   * Makes it full: shrinks it to the size that is used, so that filling it takes no memory.
   *
   * @returns a function that makes room again
   */
  fill(): () => void {
    this.#fills += 1;
    this.#shrink();
    return () => {
      this.#fills -= 1;
      if (this.#fills === 0) this.#resize(this.#bytes);
    };
  }

  /** Unmounts it and leaves its contents in the folder, so that they can be inspected later. */
  unmountKeepingFiles(): void {
    const kept = `${this.#folder}.kept`;
    cpSync(this.#folder, kept, { recursive: true });
    unmount(this.#folder);
    rmdirSync(this.#folder);
    renameSync(kept, this.#folder);
  }

  #shrink(): void {
    for (let attempt = 1; ; attempt += 1) {
      const { bsize, blocks, bfree } = statfsSync(this.#folder);
      // If something is written between the two calls, the smaller size is refused.
      const refusal = this.#resize(bsize * (blocks - bfree));
      if (refusal === null) return;
      if (attempt === FILL_ATTEMPTS_MAX) throw new Error(`the disk cannot be filled: ${refusal}`);
    }
  }

  #resize(bytes: number): string | null {
    return mount("-o", `remount,size=${bytes}`, this.#folder);
  }
}

/** @returns why it failed, or null */
function mount(...args: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync("mount", [...args], { encoding: "utf8" });
  return status === 0 ? null : (error?.message ?? stderr.trim());
}

function unmount(folder: string): void {
  spawnSync("umount", ["-l", folder]);
}

/** With owners and modes, which PostgreSQL insists on. */
function copyAll(from: string, to: string): void {
  const { status, stderr } = spawnSync("cp", ["-a", `${from}/.`, to], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr.trim());
}
