import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Where groups can be created. New groups go below the group of this process, so that the limits of this process also
 * apply to what it starts.
 *
 * Version 1 has a tree of groups for each controller, version 2 has one tree for all. A machine may have both mounted.
 * The one that has the controllers for CPU and memory is used.
 */
export type Layout =
  | { readonly version: 1; readonly parentFolders: ParentFoldersV1; readonly mounts: readonly string[] }
  | { readonly version: 2; readonly parentFolder: string; readonly mounts: readonly string[] };

/** For each controller, the folder in which groups are created. Two of them may be the same. */
export interface ParentFoldersV1 {
  readonly cpu: string;
  readonly cpuacct: string;
  readonly memory: string;
}

interface Mount {
  readonly type: string;
  readonly folder: string;
  /** The group that the folder shows. In a container that sees only its own group, it is not the top-level one. */
  readonly root: string;
  readonly options: readonly string[];
}

/** The layout of this machine, or why there is none, for a person. */
export function readLayout(): Layout | string {
  if (process.platform !== "linux") return "control groups are Linux's alone";
  return layoutFrom(
    readFileSync("/proc/self/mountinfo", "utf8"),
    readFileSync("/proc/self/cgroup", "utf8"),
    (file) => (existsSync(file) ? readFileSync(file, "utf8") : ""),
  );
}

/**
 * @param mountinfo text of /proc/self/mountinfo
 * @param membership text of /proc/self/cgroup
 * @param read returns the text of a file, "" if it does not exist
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

/** Whether a list of controllers (version 2) contains those that limits need. */
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
  // A group outside of what the mount shows cannot be reached. The topmost one that can be reached is the mount itself.
  return group === root || group.startsWith(`${root}/`) ? join(folder, group.slice(root.length)) : folder;
}

/**
 * In version 2 a group delegates controllers only if it has no processes of its own, so the group of a process cannot
 * contain other groups. The nearest group above that delegates the controllers can; the top-level group, which is
 * exempt from that rule, is the last resort.
 */
function delegatingGroup(own: string, top: string, read: (file: string) => string): string {
  let folder = own;
  while (folder !== top && !hasControllers(read(join(folder, "cgroup.subtree_control")))) {
    folder = dirname(folder);
  }
  return folder;
}
