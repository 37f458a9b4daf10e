import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf, StartError } from "../errors.ts";

/** The files of the certificate that clients are shown, in PEM. */
export interface CertificateFiles {
  /** With the certificates of the CAs between it and the root after it. */
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** What is not right with it, and not wrong enough to refuse it: one sentence each. */
  readonly warnings: readonly string[];
}

/** A path as it was given, or "", and what gave it. */
interface GivenPath {
  readonly text: string;
  readonly from: string;
}

/**
 * @returns null where neither is given
 * @throws StartError where only one is
 */
export function certificateFiles(cert: GivenPath, key: GivenPath): CertificateFiles | null {
  if (cert.text === "" && key.text === "") return null;
  if (cert.text === "" || key.text === "") {
    const [there, missing] = cert.text === "" ? [key, "--tls-cert"] : [cert, "--tls-key"];
    throw new StartError(
      `${there.from} is given without ${missing}: TLS needs the certificate and its key, both as PEM files.`,
    );
  }
  return { certFile: resolve(cert.text), keyFile: resolve(key.text) };
}

/** @throws StartError if they cannot be read, or are no certificate and its key */
export function readCertificate({ certFile, keyFile }: CertificateFiles): Certificate {
  const cert = readText(certFile, "--tls-cert");
  const key = readText(keyFile, "--tls-key");
  const certificate = parseCertificate(cert, certFile);
  if (!certificate.checkPrivateKey(parseKey(key, keyFile))) {
    throw new StartError(
      `the key in ${keyFile} is not that of the certificate in ${certFile}: give the two that were made together.`,
    );
  }
  const warnings: string[] = [];
  if ((statSync(keyFile).mode & 0o077) !== 0) {
    warnings.push(`others than its owner may read ${keyFile}, the private key: chmod 600 ${keyFile}.`);
  }
  if (new Date(certificate.validTo).getTime() < Date.now()) {
    warnings.push(`the certificate in ${certFile} has expired, clients will refuse it: renew it.`);
  }
  return { cert, key, warnings };
}

function readText(file: string, flag: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new StartError(
      `${file} cannot be read (${messageOf(error)}): give ${flag} the path of a PEM file.`,
    );
  }
}

function parseCertificate(text: string, file: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch {
    throw new StartError(`${file} has no certificate in PEM: give --tls-cert the file that has it.`);
  }
}

function parseKey(text: string, file: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    const isEncrypted = error instanceof Error && "code" in error && error.code === "ERR_MISSING_PASSPHRASE";
    throw new StartError(
      isEncrypted
        ? `the key in ${file} is encrypted: give --tls-key one without a passphrase (openssl pkey), which only its owner may read.`
        : `${file} has no private key in PEM: give --tls-key the file that has it.`,
    );
  }
}

/** The files as they are now; another text means that they were written, or exchanged for others. */
function stateOf({ certFile, keyFile }: CertificateFiles): string {
  return [certFile, keyFile]
    .map((file) => {
      const { ino, mtimeMs, size } = statSync(file);
      return `${ino} ${mtimeMs} ${size}`;
    })
    .join(" ");
}

/** Files that are written one after the other do not fit together for a moment. */
const PATIENCE_LOOKS = 10;
const LOOK_MILLISECONDS = 500;

/**
 * Looks at the files twice a second, since a link to them may be exchanged as well, and takes what is new once the two
 * fit together. What does not is said, and the certificate before it stays.
 */
export class CertificateWatch {
  readonly #files: CertificateFiles;
  readonly #take: (certificate: Certificate) => void | Promise<void>;
  readonly #say: (line: string) => void;
  readonly #timer: Timer;
  #taken: string;
  #failures = 0;
  /** What takes a certificate may need longer than from one look to the next. */
  #isLooking = false;

  constructor(
    files: CertificateFiles,
    take: (certificate: Certificate) => void | Promise<void>,
    say: (line: string) => void,
  ) {
    this.#files = files;
    this.#take = take;
    this.#say = say;
    this.#taken = stateOf(files);
    this.#timer = setInterval(() => void this.#look(), LOOK_MILLISECONDS);
    this.#timer.unref();
  }

  /** Takes them now, changed or not. */
  async renew(): Promise<void> {
    this.#taken = "";
    await this.#look();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const state = stateOf(this.#files);
      if (state === this.#taken) return;
      const certificate = readCertificate(this.#files);
      await this.#take(certificate);
      this.#taken = state;
      this.#failures = 0;
      for (const warning of certificate.warnings) this.#say(warning);
      this.#say(`the certificate in ${this.#files.certFile} is shown to clients from now on.`);
    } catch (error) {
      this.#failures += 1;
      if (this.#failures === PATIENCE_LOOKS) {
        this.#say(`the certificate was not renewed, the one before stays: ${messageOf(error)}`);
      }
    } finally {
      this.#isLooking = false;
    }
  }
}
