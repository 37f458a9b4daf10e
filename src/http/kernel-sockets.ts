import { dlopen, FFIType, ptr } from "bun:ffi";
import { statSync } from "node:fs";

/**
 * What Bun's server does not offer and Linux does, for the sockets of this process: which connections it has and how long
 * each was silent, to end one, and to say which of several listeners of a port gets what comes.
 */
export interface KernelSockets {
  /** How many files this process has open, sockets among them. */
  openFiles(): number;
  /** The sockets that listen on a port, as numbers of open files. */
  listeners(port: number): number[];
  /** The connections of clients to a port. */
  connections(port: number): Connection[];
  /**
   * Of all sockets that listen on a port with SO_REUSEPORT, one gets every connection from now on.
   *
   * @param listener one of them
   * @param index of that one, in the order in which they began to listen; a closed one's place the last one takes
   * @returns whether the system could do it
   */
  direct(listener: number, index: number): boolean;
  /** Bun notices it as it notices a client that has gone. */
  end(connection: Connection): void;
}

export interface Connection {
  readonly file: number;
  /** Of the client, in a form of the kernel's own: to be compared only. */
  readonly address: string;
  /** Since the client last sent anything. */
  readonly silentMilliseconds: number;
}

const LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];
const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** In Linux's struct tcp_info. */
const LAST_DATA_RECEIVED = 52;
const SHUT_RDWR = 2;
/** A new file gets the lowest free number, so where fewer are open than before, some numbers are higher. */
const NUMBERS_BEYOND = 1024;
/** A program for the kernel's packet filter: "the result is a constant". */
const RETURN_CONSTANT = 0x06;

/** @returns null where this is not Linux, or its C library is not found */
export function openKernelSockets(): KernelSockets | null {
  if (process.platform !== "linux") return null;
  const libc = openLibrary();
  return libc === null ? null : new LinuxSockets(libc);
}

function loadLibrary(name: string) {
  const { i32, ptr: pointer, u32 } = FFIType;
  return dlopen(name, {
    getsockname: { args: [i32, pointer, pointer], returns: i32 },
    getpeername: { args: [i32, pointer, pointer], returns: i32 },
    getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 },
    setsockopt: { args: [i32, i32, i32, pointer, u32], returns: i32 },
    shutdown: { args: [i32, i32], returns: i32 },
  }).symbols;
}

type Libc = ReturnType<typeof loadLibrary>;

function openLibrary(): Libc | null {
  for (const name of LIBRARIES) {
    try {
      return loadLibrary(name);
    } catch {
      // Another C library may be there.
      continue;
    }
  }
  return null;
}

class LinuxSockets implements KernelSockets {
  readonly #libc: Libc;
  /** Room for what the calls return: a call is over before the next one begins. */
  readonly #buffer = new Uint8Array(256);
  readonly #view = new DataView(this.#buffer.buffer);
  readonly #length = new Uint32Array(1);
  #openFilesMost = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  openFiles(): number {
    // Linux tells it as the size of this folder since version 6.2; before, it is 0.
    const open = statSync("/proc/self/fd").size;
    this.#openFilesMost = Math.max(this.#openFilesMost, open);
    return open;
  }

  listeners(port: number): number[] {
    return this.#filesOn(port).filter((file) => this.#listens(file));
  }

  connections(port: number): Connection[] {
    return this.#filesOn(port).flatMap((file) => {
      if (this.#listens(file)) return [];
      const address = this.#address(file);
      const silentMilliseconds = this.#option(file, IPPROTO_TCP, TCP_INFO)
        ? this.#view.getUint32(LAST_DATA_RECEIVED, true)
        : 0;
      return address === null ? [] : [{ file, address, silentMilliseconds }];
    });
  }

  direct(listener: number, index: number): boolean {
    const instruction = new Uint8Array(8);
    const code = new DataView(instruction.buffer);
    code.setUint16(0, RETURN_CONSTANT, true);
    code.setUint32(4, index, true);
    const program = new DataView(new ArrayBuffer(16));
    program.setUint16(0, 1, true);
    program.setBigUint64(8, BigInt(ptr(instruction)), true);
    const done = this.#libc.setsockopt(listener, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, ptr(program), 16);
    return done === 0;
  }

  end({ file }: Connection): void {
    this.#libc.shutdown(file, SHUT_RDWR);
  }

  /** Sockets of TCP, listening or connected, whose own end is this port. */
  #filesOn(port: number): number[] {
    this.openFiles();
    const found: number[] = [];
    // To list the folder would need an open file, and there may be none left.
    for (let file = 0; file < 2 * this.#openFilesMost + NUMBERS_BEYOND; file += 1) {
      this.#length[0] = this.#buffer.length;
      if (this.#libc.getsockname(file, ptr(this.#buffer), ptr(this.#length)) !== 0) continue;
      const family = this.#view.getUint16(0, true);
      if ((family === AF_INET || family === AF_INET6) && this.#view.getUint16(2) === port) found.push(file);
    }
    return found;
  }

  #listens(file: number): boolean {
    return this.#option(file, SOL_SOCKET, SO_ACCEPTCONN) && this.#view.getUint32(0, true) !== 0;
  }

  /** @returns null where the client has gone */
  #address(file: number): string | null {
    this.#length[0] = this.#buffer.length;
    if (this.#libc.getpeername(file, ptr(this.#buffer), ptr(this.#length)) !== 0) return null;
    const [from, bytes] = this.#view.getUint16(0, true) === AF_INET ? [4, 4] : [8, 16];
    return Buffer.from(this.#buffer.subarray(from, from + bytes)).toString("hex");
  }

  /** @returns whether the system knows it; its value is in the buffer then */
  #option(file: number, level: number, name: number): boolean {
    this.#length[0] = this.#buffer.length;
    return this.#libc.getsockopt(file, level, name, ptr(this.#buffer), ptr(this.#length)) === 0;
  }
}
