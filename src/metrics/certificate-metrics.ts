import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Metrics, one } from "./registry.ts";

/** @param file of the certificate that clients are shown, in PEM; what comes after it there does not matter */
export function addCertificate(metrics: Metrics, file: string): void {
  metrics.add(
    "gauge",
    "certificate_expires_timestamp_seconds",
    "When the certificate ends that clients are shown, since 1970.",
    async () => {
      const { validTo } = new X509Certificate(await readFile(file));
      return one(new Date(validTo).getTime() / 1000);
    },
  );
}
