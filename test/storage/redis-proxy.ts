import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What a name that leads to a server does: it can lead elsewhere, and the way can be long. */
export interface Way {
  readonly port: number;
  /** Where new connections lead. Those there are are cut. */
  lead(port: number): void;
  /** How long answers are held back, in ms. */
  delay: number;
  close(): Promise<void>;
}

export async function startProxy(target: number): Promise<Way> {
  let to = target;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    near.pipe(far);
    // In order, also while the delay changes.
    const answers: Buffer[] = [];
    far.on('data', (answer) => {
      answers.push(answer);
      setTimeout(() => near.write(answers.shift() as Buffer), proxy.delay);
    });
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: Way = {
    port: (server.address() as AddressInfo).port,
    delay: 0,
    lead: (port) => {
      to = port;
      cut();
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
  return proxy;
}
