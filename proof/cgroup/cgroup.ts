import { mkdirSync } from "node:fs";
import { messageOf } from "../../src/errors.ts";
import { GroupV1 } from "./group-v1.ts";
import { GroupV2, delegateControllers } from "./group-v2.ts";
import { type Layout, readLayout } from "./layout.ts";
import type { Limits, Usage } from "./limits-and-usage.ts";
import { ownGroupName, removeGroup, removeOrphanedGroups } from "./orphaned-groups.ts";

/** Why limits cannot be set here, for a person; null if they can. */
export function cgroupsMissing(): string | null {
  try {
    Cgroup.create("probe", { cpus: 1, memoryBytes: 64 * 1024 * 1024 }).remove();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * A Linux control group, version 1 or 2: limits the CPU and memory of processes, and counts what they use.
 *
 * A group belongs to the process that created it. If that process is killed, the group stays until any process creates
 * the next one. Then it is removed, and the processes that still run in it are killed.
 */
export class Cgroup {
  /**
   * Put in front of a command: the process enters the group, then becomes the command. Needs the rights of this
   * process.
   */
  readonly commandPrefix: readonly string[];
  readonly #name: string;
  readonly #group: GroupV1 | GroupV2;

  private constructor(name: string, group: GroupV1 | GroupV2) {
    this.#name = name;
    this.#group = group;
    // 0 stands for the writing process: the shell itself.
    const joining = group.folders.map((_, index) => `echo 0 > "$${index + 1}/cgroup.procs"`);
    const script = `set -e; ${joining.join("; ")}; shift ${group.folders.length}; exec "$@"`;
    this.commandPrefix = ["/bin/sh", "-c", script, "cgroup", ...group.folders];
  }

  /**
   * @param name letters, digits and hyphens; unique among the groups of this process with the same parent
   * @param parent also limits this group; it must contain no processes itself
   * @throws Error if groups cannot be created here; its message is for a person
   */
  static create(name: string, limits: Limits, parent?: Cgroup): Cgroup {
    const group = parent === undefined ? topLevelGroup(name) : childGroup(parent.#group, name);
    const made: string[] = [];
    try {
      for (const folder of group.folders) {
        mkdirSync(folder);
        made.push(folder);
      }
      group.limit(limits);
    } catch (error) {
      for (const folder of made) removeGroup(folder);
      throw new Error(`the control group ${name} could not be made (${messageOf(error)})`, { cause: error });
    }
    return new Cgroup(name, group);
  }

  usage(): Usage {
    return this.#group.usage();
  }

  /**
   * Removes the group. Its processes must have ended, and the groups below it must have been removed.
   *
   * @throws Error if a process is still in it
   */
  remove(): void {
    for (const folder of this.#group.folders) {
      try {
        removeGroup(folder);
      } catch (error) {
        throw new Error(`the control group ${this.#name} still has processes (${messageOf(error)})`, {
          cause: error,
        });
      }
    }
  }
}

function topLevelGroup(name: string): GroupV1 | GroupV2 {
  const layout = usableLayout();
  removeOrphanedGroups(layout.mounts);
  if (layout.version === 1) return new GroupV1(layout.parentFolders, ownGroupName(name));
  delegateControllers(layout.parentFolder);
  return new GroupV2(layout.parentFolder, ownGroupName(name));
}

function childGroup(parent: GroupV1 | GroupV2, name: string): GroupV1 | GroupV2 {
  if (parent instanceof GroupV1) return new GroupV1(parent.parentFoldersForChildren, name);
  return new GroupV2(parent.parentFolderForChildren, name);
}

function usableLayout(): Layout {
  const layout = readLayout();
  if (typeof layout === "string") throw new Error(layout);
  if (process.getuid?.() !== 0) throw new Error("only root may make control groups");
  return layout;
}
