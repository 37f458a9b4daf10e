import { expect, test } from "bun:test";
import { layoutFrom } from "../../proof/cgroup/layout.ts";

const V1_APART = `
31 24 0:27 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
32 24 0:28 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
33 24 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 24 0:36 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;
const V1_JOINED = `
31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 24 0:29 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
`;
const V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

/** Reads files from a record by path; all others are empty. */
function files(texts: Readonly<Record<string, string>>): (file: string) => string {
  return (file) => texts[file] ?? "";
}

test("version 1, a tree for each controller: below the group that this process is in", () => {
  const membership = "4:memory:/jobs/7\n2:cpuacct:/\n1:cpu:/\n0::/\n";
  const unified = files({ "/sys/fs/cgroup/unified/cgroup.controllers": "hugetlb\n" });
  expect(layoutFrom(V1_APART, membership, unified)).toEqual({
    version: 1,
    parentFolders: {
      cpu: "/sys/fs/cgroup/cpu/",
      cpuacct: "/sys/fs/cgroup/cpuacct/",
      memory: "/sys/fs/cgroup/memory/jobs/7",
    },
    mounts: ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/memory"],
  });
});

test("version 1 with two controllers in one tree, seen from within a container", () => {
  const membership = "4:memory:/docker/abc/inner\n1:cpu,cpuacct:/user.slice\n";
  expect(layoutFrom(V1_JOINED, membership, files({}))).toEqual({
    version: 1,
    parentFolders: {
      cpu: "/sys/fs/cgroup/cpu,cpuacct/user.slice",
      cpuacct: "/sys/fs/cgroup/cpu,cpuacct/user.slice",
      memory: "/sys/fs/cgroup/memory/inner",
    },
    mounts: ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory"],
  });
});

test("version 2: below the nearest group that delegates both controllers", () => {
  const membership = "0::/user.slice/user-0.slice/session-3.scope\n";
  const some = files({
    "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    "/sys/fs/cgroup/cgroup.subtree_control": "cpu memory pids\n",
    "/sys/fs/cgroup/user.slice/cgroup.subtree_control": "cpu memory pids\n",
    "/sys/fs/cgroup/user.slice/user-0.slice/cgroup.subtree_control": "memory pids\n",
  });
  expect(layoutFrom(V2, membership, some)).toEqual({
    version: 2,
    parentFolder: "/sys/fs/cgroup/user.slice",
    mounts: ["/sys/fs/cgroup"],
  });
  const none = files({ "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n" });
  expect(layoutFrom(V2, membership, none)).toMatchObject({ version: 2, parentFolder: "/sys/fs/cgroup" });
});

test("says which controller is missing", () => {
  expect(layoutFrom(V2, "0::/\n", files({}))).toBe("no control groups with the controller cpu are mounted");
  expect(layoutFrom(V1_APART.replace(",memory", ",pids"), "1:cpu:/\n", files({}))).toBe(
    "no control groups with the controller memory are mounted",
  );
});
