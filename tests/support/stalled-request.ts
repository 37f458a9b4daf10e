/** A request whose client has sent all but the last byte of the body: the server has it in hand and waits. */
export interface StalledRequest extends Disposable {
  /** Sends the last byte; resolves to all that the server answers until it closes the connection. */
  complete(): Promise<string>;
  /** Resolves when the server, or its kernel, has closed the connection. */
  readonly closed: Promise<void>;
}

export async function stallRequest(port: number, path: string, body: object): Promise<StalledRequest> {
  const text = JSON.stringify(body);
  let received = "";
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, bytes) => {
        received += bytes.toString("latin1");
      },
      close: () => resolve(),
      error: () => resolve(),
    },
  });
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n`;
  socket.write(head + text.slice(0, -1));
  socket.flush();
  return {
    complete: async () => {
      socket.write(text.slice(-1));
      socket.flush();
      await closed;
      return received;
    },
    closed,
    [Symbol.dispose]: () => socket.terminate(),
  };
}
