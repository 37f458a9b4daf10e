import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Where groups can be made. New ones go below the group that this process is in, so that what bounds this process
 * still bounds what it starts.
 *
 * Version 1 has a tree of groups for each controller, version 2 one tree for all. A machine may have both mounted;
 * what counts is which of them has the controllers for CPU and memory.
 */
export type Layout =
  | { readonly version: 1; readonly parentFolders: ParentFoldersV1; readonly mounts: readonly string[] }
  | { readonly version: 2; readonly parentFolder: string; readonly mounts: readonly string[] };

/** The folder of each controller below which groups are made. Two of them may be one. */
export interface ParentFoldersV1 {
  readonly cpu: string;
  readonly cpuacct: string;
  readonly memory: string;
}

interface Mount {
  readonly type: string;
  readonly folder: string;
  /** The group that the folder shows: not the uppermost one where a container sees only its own. */
  readonly root: string;
  readonly options: readonly string[];
}

/** The machine's layout, or why there is none, for a person. */
export function readLayout(): Layout | string {
  if (process.platform !== "linux") return "control groups are Linux's alone";
  return layoutFrom(
    readFileSync("/proc/self/mountinfo", "utf8"),
    readFileSync("/proc/self/cgroup", "utf8"),
    (file) => (existsSync(file) ? readFileSync(file, "utf8") : ""),
  );
}

/**
 * @param mountinfo as of /proc/self/mountinfo
 * @param membership as of /proc/self/cgroup
 * @param read a file's text, "" where there is none
 */
export function layoutFrom(
  mountinfo: string,
  membership: string,
  read: (file: string) => string,
): Layout | string {
  const mounts = mountinfo.split("\n").flatMap(parseMount);
  const unified = mounts.find(({ type }) => type === "cgroup2");
  if (unified !== undefined && hasControllers(read(join(unified.folder, "cgroup.controllers")))) {
    const own = folderOfGroup(unified, /^0::(.*)$/m.exec(membership)?.[1]);
    return { version: 2, parentFolder: delegatingGroup(own, unified.folder, read), mounts: [unified.folder] };
  }
  const parentFolders: Record<string, string> = {};
  const folders = new Set<string>();
  for (const controller of ["cpu", "cpuacct", "memory"]) {
    const mount = mounts.find(({ type, options }) => type === "cgroup" && options.includes(controller));
    if (mount === undefined) return `no control groups with the controller ${controller} are mounted`;
    const group = membership.split("\n").flatMap((line) => {
      const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      return controllers?.split(",").includes(controller) ? [path] : [];
    });
    parentFolders[controller] = folderOfGroup(mount, group[0]);
    folders.add(mount.folder);
  }
  const { cpu = "", cpuacct = "", memory = "" } = parentFolders;
  return { version: 1, parentFolders: { cpu, cpuacct, memory }, mounts: [...folders] };
}

/** Whether a list of version 2 has the controllers that limits need. */
export function hasControllers(list: string): boolean {
  const controllers = list.trim().split(/\s+/);
  return controllers.includes("cpu") && controllers.includes("memory");
}

/** `36 35 0:31 /root /folder rw,nosuid shared:9 - cgroup cgroup rw,cpu` */
function parseMount(line: string): Mount[] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root, folder] = before.split(" ");
  const [type, , options] = after.split(" ");
  if (root === undefined || folder === undefined || type === undefined) return [];
  return [{ type, folder, root, options: options?.split(",") ?? [] }];
}

function folderOfGroup({ folder, root }: Mount, group = "/"): string {
  if (root === "/") return join(folder, group);
  // What is outside of what the mount shows cannot be reached: the uppermost that can be is next to it.
  return group === root || group.startsWith(`${root}/`) ? join(folder, group.slice(root.length)) : folder;
}

/**
 * Version 2 hands controllers down only through groups without processes of their own, so a process's own group is no
 * place for others. The nearest one above it that hands them down is; at last the uppermost, which is exempt.
 */
function delegatingGroup(own: string, top: string, read: (file: string) => string): string {
  let folder = own;
  while (folder !== top && !hasControllers(read(join(folder, "cgroup.subtree_control")))) {
    folder = dirname(folder);
  }
  return folder;
}
