import { connect, type Socket } from "node:net";

/** Opens connections, a few at a time; each asks for `path` once and is then kept. Gives what closes them all. */
export async function openIdleConnections(port: number, path: string, count: number): Promise<() => void> {
  const sockets: Socket[] = [];
  const request = `GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`;
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(batchSize, count - sockets.length) }, () => useOnce(port, request));
    sockets.push(...(await Promise.all(batch)));
  }
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

/** A connection on which one request was answered: the answer's head has come, and its small body with it or just behind. */
function useOnce(port: number, request: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.setTimeout(answerMillis, () => socket.destroy(new Error(`no answer within ${answerMillis} ms`)));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the proxy closed a connection it should keep")));
    socket.once("data", (data) => {
      if (!data.toString("latin1").startsWith("HTTP/1.1 200"))
        socket.destroy(new Error(data.toString("latin1", 0, 100)));
      socket.setTimeout(0);
      socket.resume();
      resolve(socket);
    });
  });
}

/** Few at once, so that the proxy's connections to the backend stay few: their memory is not what is measured. */
const batchSize = 20;
const answerMillis = 10_000;
