import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The processes of a system under test below `folder`, and what is mounted there; searched on the whole machine. */
export function leftBehind(folder: string): string[] {
  const processes = readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const environment = readFileSync(`/proc/${name}/environ`, "latin1");
      return (
        environment.includes(`RAZONETE_STACK=${folder}/`) ||
        isBelow(readlinkSync(`/proc/${name}/cwd`), folder)
      );
    } catch {
      // It has ended.
      return false;
    }
  });
  return [...processes.map((pid) => `process ${pid}`), ...mountsBelow(folder)];
}

export function mountsBelow(folder: string): string[] {
  const points = readFileSync("/proc/mounts", "utf8").split("\n");
  return points.map((line) => line.split(" ")[1] ?? "").filter((point) => isBelow(point, folder));
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}
