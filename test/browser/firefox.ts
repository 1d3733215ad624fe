import { launch, type Page } from 'puppeteer-core';
import type { Browser, Question, Reply, Tab } from './browser.ts';
import type { Lab } from './page/lab.ts';

/** So many processes may show pages of one site; by itself Firefox takes four. */
const mostProcesses = 8;

/** What a tab of Firefox can be made to do besides. */
export interface FirefoxTab extends Tab {
  /** Puts it in front, which hides the others of its window. */
  show(): Promise<void>;
}

export interface Firefox extends Browser {
  open(url: string): Promise<FirefoxTab>;
}

export async function startFirefox(program: string): Promise<Firefox> {
  const browser = await launch({
    browser: 'firefox',
    executablePath: program,
    headless: true,
    extraPrefsFirefox: { 'dom.ipc.processCount.webIsolated': mostProcesses },
  });
  return {
    name: 'firefox',
    processId: browser.process()?.pid as number,
    open: async (url) => {
      const page = await browser.newPage();
      await page.goto(url);
      return new BidiTab(page);
    },
    close: () => browser.close(),
  };
}

class BidiTab implements FirefoxTab {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async call<Name extends keyof Lab>(name: Name, question: Question<Name>): Promise<Reply<Name>> {
    return (await this.#page.evaluate(`lab.${name}(${JSON.stringify(question)})`)) as Reply<Name>;
  }

  async reload(): Promise<void> {
    await this.#page.reload();
  }

  show(): Promise<void> {
    return this.#page.bringToFront();
  }

  close(): Promise<void> {
    return this.#page.close();
  }
}
