import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** PEM files, as an operator has them. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** A CA that is made for a test, by openssl. */
export class TestCa {
  readonly #folder: string;
  readonly #name: string;
  #issued = 0;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    openssl(
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ["-keyout", this.#path("ca.key"), "-out", this.file, "-subj", `/CN=${name}`],
    );
  }

  /** Of its own certificate. */
  get file(): string {
    return this.#path("ca.pem");
  }

  /**
   * @param names such as "DNS:localhost,IP:127.0.0.1"
   * @param days for which it is valid; negative: it has expired
   */
  issue(names: string, days = 2): CertificateFiles {
    this.#issued += 1;
    const key = this.#path(`${this.#issued}.key`);
    const cert = this.#path(`${this.#issued}.pem`);
    const request = this.#path(`${this.#issued}.csr`);
    const extensions = this.#path(`${this.#issued}.ext`);
    writeFileSync(extensions, `subjectAltName=${names}\n`);
    openssl(
      ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ["-keyout", key, "-out", request, "-subj", `/CN=${this.#name} ${this.#issued}`],
    );
    openssl(
      ["x509", "-req", "-in", request, "-CA", this.file, "-CAkey", this.#path("ca.key"), "-CAcreateserial"],
      ["-days", String(days), "-extfile", extensions, "-out", cert],
    );
    chmodSync(key, 0o600);
    return { cert, key };
  }

  #path(name: string): string {
    return join(this.#folder, `${this.#name}-${name}`);
  }
}

function openssl(...args: readonly string[][]): void {
  const { success, stderr } = Bun.spawnSync(["openssl", ...args.flat()], { stderr: "pipe" });
  if (!success) throw new Error(`openssl: ${stderr.toString()}`);
}
