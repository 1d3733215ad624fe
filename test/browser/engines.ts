import { find, requirements } from '../../scripts/requirements.ts';
import type { Browser } from './browser.ts';
import { startChromium } from './chromium.ts';
import { startFirefox } from './firefox.ts';
import { startWebKit } from './webkit.ts';

/** A browser that can be started, if its programs are there. */
export interface Engine {
  readonly name: Browser['name'];
  /** Whether its programs are there; `npm test` installs them or says that they are missing. */
  readonly found: boolean;
  start(): Promise<Browser>;
}

function programOf(name: string): string | undefined {
  const requirement = requirements.find((each) => each.name === name);
  return requirement && find(requirement);
}

const chromium = programOf('chromium');
const firefox = programOf('firefox');
const webkit = programOf('webkit');
const xvfb = programOf('xvfb');

export const engines: readonly Engine[] = [
  { name: 'chromium', found: chromium !== undefined, start: () => startChromium(chromium as string) },
  { name: 'firefox', found: firefox !== undefined, start: () => startFirefox(firefox as string) },
  {
    name: 'webkit',
    found: webkit !== undefined && xvfb !== undefined,
    start: () => startWebKit(webkit as string, xvfb as string),
  },
];

/** Where Chromium is; undefined if it is not there. */
export const chromiumProgram: string | undefined = chromium;

/** Where Firefox is; undefined if it is not there. */
export const firefoxProgram: string | undefined = firefox;

/** Where the program is that sets the clock of others; undefined if it is not there. */
export const clockSetter: string | undefined = programOf('faketime');
