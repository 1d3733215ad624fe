import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Question, Reply, Tab } from './browser.ts';
import { Connection, type Fields } from './devtools.ts';
import type { Lab } from './page/lab.ts';
import { killTree } from './processes.ts';

/** What a tab of Chromium can be made to do besides. */
export interface ChromiumTab extends Tab {
  /** Puts it in front, which hides the others of its window. */
  show(): Promise<void>;
  freeze(): Promise<void>;
  resume(): Promise<void>;
  goTo(url: string): Promise<void>;
  /** Loads the page again past all caches and service workers, as Shift and Reload do. */
  forceReload(): Promise<void>;
  /** Goes back to the page before. Resolves with whether it came out of the back-forward cache. */
  goBack(): Promise<boolean>;
  /** Deletes all that the tab's origin has stored, as the user would in the settings. */
  clearSiteData(): Promise<void>;
}

export interface Chromium extends Browser {
  /**
   * `background`: the page counts as visible only while its tab is in front. Otherwise it always does.
   * `isPrivate`: the tab is in a private window. All of these are of one session.
   */
  open(url: string, options?: { readonly background?: boolean; readonly isPrivate?: boolean }): Promise<ChromiumTab>;
}

// Driven by its own protocol without any of the flags of testing tools: under those no page is ever hidden.
const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
  '--remote-debugging-port=0',
];

/**
 * @param extra command line arguments besides the usual ones
 * @param env variables of the environment besides the usual ones
 */
export async function startChromium(
  program: string,
  extra: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Chromium> {
  const profile = mkdtempSync(join(tmpdir(), 'sluice-chromium-'));
  const child = spawn(program, [...flags, `--user-data-dir=${profile}`, ...extra, 'about:blank'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const connection = await Connection.open(await addressOf(child));
  let session: Promise<Fields> | undefined;
  const privately = () => {
    session ??= connection.send('Target.createBrowserContext');
    return session;
  };
  return {
    name: 'chromium',
    processId: child.pid as number,
    open: async (url, options = {}) => {
      const context = options.isPrivate ? await privately() : {};
      const { targetId } = await connection.send('Target.createTarget', { url: 'about:blank', ...context });
      const { sessionId } = await connection.send('Target.attachToTarget', { targetId, flatten: true });
      const tab = new CdpTab(connection, targetId as string, sessionId as string);
      await tab.load(url, options.background === true);
      return tab;
    },
    close: async () => {
      await connection.send('Browser.close').catch(() => {});
      connection.close();
      killTree(child.pid as number);
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

/** Waits for the line in which Chromium says where it listens. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += chunk;
      const [, address] = /DevTools listening on (ws:\S+)/.exec(said) ?? [];
      if (address !== undefined) resolve(address);
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`Chromium ended with ${code}: ${said}`)));
  });
}

class CdpTab implements ChromiumTab {
  readonly #connection: Connection;
  readonly #targetId: string;
  readonly #sessionId: string;

  constructor(connection: Connection, targetId: string, sessionId: string) {
    this.#connection = connection;
    this.#targetId = targetId;
    this.#sessionId = sessionId;
  }

  async load(url: string, background: boolean): Promise<void> {
    await this.#send('Page.enable');
    if (!background) await this.#send('Emulation.setFocusEmulationEnabled', { enabled: true });
    await this.goTo(url);
  }

  async call<Name extends keyof Lab>(name: Name, question: Question<Name>): Promise<Reply<Name>> {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', {
      expression: `lab.${name}(${JSON.stringify(question)})`,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify((exceptionDetails as Fields).exception));
    return (result as { value: Reply<Name> }).value;
  }

  async goTo(url: string): Promise<void> {
    const loaded = this.#connection.next('Page.loadEventFired', this.#sessionId);
    await this.#send('Page.navigate', { url });
    await loaded;
  }

  async goBack(): Promise<boolean> {
    const { entries, currentIndex } = (await this.#send('Page.getNavigationHistory')) as {
      entries: { id: number }[];
      currentIndex: number;
    };
    const shown = this.#connection.next('Page.frameNavigated', this.#sessionId);
    await this.#send('Page.navigateToHistoryEntry', { entryId: entries[currentIndex - 1]?.id });
    return (await shown).type === 'BackForwardCacheRestore';
  }

  reload(): Promise<void> {
    return this.#reload({});
  }

  forceReload(): Promise<void> {
    return this.#reload({ ignoreCache: true });
  }

  async #reload(how: Fields): Promise<void> {
    const loaded = this.#connection.next('Page.loadEventFired', this.#sessionId);
    await this.#send('Page.reload', how);
    await loaded;
  }

  async show(): Promise<void> {
    await this.#connection.send('Target.activateTarget', { targetId: this.#targetId });
  }

  async freeze(): Promise<void> {
    // A page that counts as visible is not frozen, whatever is asked for.
    await this.#send('Emulation.setFocusEmulationEnabled', { enabled: false });
    await this.#send('Page.setWebLifecycleState', { state: 'frozen' });
  }

  async resume(): Promise<void> {
    await this.#send('Page.setWebLifecycleState', { state: 'active' });
  }

  async clearSiteData(): Promise<void> {
    const { result } = await this.#send('Runtime.evaluate', { expression: 'location.origin', returnByValue: true });
    await this.#send('Storage.clearDataForOrigin', { origin: (result as Fields).value, storageTypes: 'all' });
  }

  async close(): Promise<void> {
    await this.#connection.send('Target.closeTarget', { targetId: this.#targetId });
  }

  #send(method: string, parameters?: Fields): Promise<Fields> {
    return this.#connection.send(method, parameters, this.#sessionId);
  }
}
