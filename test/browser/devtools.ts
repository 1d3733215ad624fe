import { once } from 'node:events';
import { WebSocket } from 'ws';

export type Fields = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: Fields;
  readonly error?: { readonly message: string };
}

/** A connection to Chromium's own protocol. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #asked = new Map<number, { resolve(result: Fields): void; reject(error: Error): void }>();
  readonly #listeners = new Set<(message: Message) => void>();
  #lastId = 0;

  static async open(address: string): Promise<Connection> {
    const socket = new WebSocket(address, { perMessageDeflate: false, maxPayload: 2 ** 28 });
    await once(socket, 'open');
    return new Connection(socket);
  }

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#receive(JSON.parse(String(data)) as Message));
    socket.on('close', () => {
      for (const { reject } of this.#asked.values()) reject(new Error('The connection to the browser is closed.'));
      this.#asked.clear();
    });
  }

  #receive(message: Message): void {
    if (message.id === undefined) {
      for (const listener of [...this.#listeners]) listener(message);
      return;
    }
    const question = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if (message.error === undefined) question?.resolve(message.result ?? {});
    else question?.reject(new Error(message.error.message));
  }

  /** @param sessionId the tab it is meant for; the browser itself if none is given */
  send(method: string, params: Fields = {}, sessionId?: string): Promise<Fields> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#asked.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    });
  }

  /** The next event of that name in a tab. */
  next(method: string, sessionId: string): Promise<Fields> {
    return new Promise((resolve) => {
      const listener = (message: Message) => {
        if (message.method !== method || message.sessionId !== sessionId) return;
        this.#listeners.delete(listener);
        resolve(message.params ?? {});
      };
      this.#listeners.add(listener);
    });
  }

  close(): void {
    this.#socket.close();
  }
}
