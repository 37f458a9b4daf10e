import { connect } from "node:net";

const ANSWER_MILLISECONDS_MAX = 5_000;

/**
 * Gives HAProxy a command on its socket, and returns what it says.
 *
 * @throws Error if it does not answer
 */
export function askHaproxy(socketPath: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const socket = connect(socketPath, () => socket.write(`${command}\n`));
    socket.setTimeout(ANSWER_MILLISECONDS_MAX, () => socket.destroy(new Error("HAProxy does not answer")));
    socket.on("data", (bytes: Buffer) => (said += bytes.toString()));
    socket.once("error", reject);
    socket.once("close", () => resolve(said));
  });
}

/**
 * From now on HAProxy shows another certificate on new connections; those that are there go on.
 *
 * @param file the one that HAProxy was started with, as it was named to it
 * @param pem certificate and key, as the file has them by now
 * @throws Error if it does not take them
 */
export async function setCertificate(socketPath: string, file: string, pem: string): Promise<void> {
  // An empty line would end the text.
  const lines = pem.split(/\r?\n/).filter((line) => line.trim() !== "");
  const answers = [
    await askHaproxy(socketPath, `set ssl cert ${file} <<\n${lines.join("\n")}\n`),
    await askHaproxy(socketPath, `commit ssl cert ${file}`),
  ];
  if (!answers.at(-1)?.includes("Success!"))
    throw new Error(
      `HAProxy does not take it (${answers.join(" ").replaceAll(/\s+/g, " ").trim()}): it does where it is started again; ` +
        "while it runs, certificates and key may have some 8,000 characters together.",
    );
}
