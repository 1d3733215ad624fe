import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Client } from 'webdriver';
import { type Browser, type Question, type Reply, sleep, type Tab, until } from './browser.ts';
import type { Lab } from './page/lab.ts';
import { killTree } from './processes.ts';

/**
 * @param program WebKitWebDriver
 * @param display Xvfb, as this browser has no way to run without a screen
 */
export async function startWebKit(program: string, display: string): Promise<Browser> {
  const screen = spawn(display, ['-displayfd', '3', '-screen', '0', '1200x900x24'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const [number] = (await once(screen.stdio[3] as NodeJS.ReadableStream, 'data')) as [Buffer];
  const port = await freePort();
  const driver = spawn(program, [`--port=${port}`], {
    env: {
      ...process.env,
      DISPLAY: `:${String(number).trim()}`,
      // A container has neither a sandbox nor a graphics card.
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
      WEBKIT_DISABLE_COMPOSITING_MODE: '1',
      LIBGL_ALWAYS_SOFTWARE: '1',
    },
    stdio: 'ignore',
  });
  const session = await Session.begin(await connect(port));
  return {
    name: 'webkit',
    processId: driver.pid as number,
    open: (url) => session.open(url),
    close: async () => {
      await session.end();
      killTree(driver.pid as number);
      killTree(screen.pid as number);
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function connect(port: number): Promise<Client> {
  await until('WebKitWebDriver answers', () =>
    fetch(`http://127.0.0.1:${port}/status`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  // It reads this when it is loaded, and writes a log otherwise.
  process.env.WDIO_LOG_LEVEL ??= 'silent';
  const { newSession } = (await import('webdriver')).default;
  return newSession({
    hostname: '127.0.0.1',
    port,
    logLevel: 'silent',
    capabilities: { browserName: 'MiniBrowser', 'wdio:enforceWebDriverClassic': true },
  });
}

/** A session of WebDriver: one command at a time, in one window at a time. */
class Session {
  readonly #client: Client;
  /** The window that the session began with. It stays: the session would end with the last one. */
  readonly #first: string;
  #last: Promise<unknown> = Promise.resolve();

  static async begin(client: Client): Promise<Session> {
    return new Session(client, await client.getWindowHandle());
  }

  constructor(client: Client, first: string) {
    this.#client = client;
    this.#first = first;
  }

  /** Does something in a window while no other command is under way. */
  in<T>(handle: string, what: (client: Client) => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      await this.#client.switchToWindow(handle);
      return what(this.#client);
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  async open(url: string): Promise<Tab> {
    const { handle } = await this.in(this.#first, (client) => client.createWindow('window'));
    await this.in(handle, (client) => client.navigateTo(url));
    return new WebKitTab(this, handle);
  }

  async end(): Promise<void> {
    await this.in(this.#first, (client) => client.deleteSession()).catch(() => {});
  }
}

class WebKitTab implements Tab {
  readonly #session: Session;
  readonly #handle: string;

  constructor(session: Session, handle: string) {
    this.#session = session;
    this.#handle = handle;
  }

  async call<Name extends keyof Lab>(name: Name, question: Question<Name>): Promise<Reply<Name>> {
    // A command that waits for the answer would keep all other tabs waiting.
    const number = await this.#run<number>(`return lab.begin('${name}', arguments[0].question)`, { question });
    for (;;) {
      const outcome = await this.#run<{ value?: Reply<Name>; error?: string } | null>(`return lab.outcome(${number})`);
      if (outcome?.error !== undefined) throw new Error(outcome.error);
      if (outcome !== null) return outcome.value as Reply<Name>;
      await sleep(100);
    }
  }

  async reload(): Promise<void> {
    await this.#session.in(this.#handle, (client) => client.refresh());
  }

  async close(): Promise<void> {
    await this.#session.in(this.#handle, (client) => client.closeWindow());
  }

  #run<T>(script: string, ...values: object[]): Promise<T> {
    return this.#session.in(this.#handle, (client) => client.executeScript(script, values)) as Promise<T>;
  }
}
