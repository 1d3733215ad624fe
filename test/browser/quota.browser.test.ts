import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mostInAnyWindow } from '../../demo/analysis.ts';
import { type Browser, openTabs, type Tab } from './browser.ts';
import { engines } from './engines.ts';
import { bunching, jainPerSpan, longestGap, shareUsed } from './fairness.ts';
import { faultsIn } from './ledger.ts';
import type { StoreName } from './page/stores.ts';
import { type Call, type Site, startSite } from './site.ts';

// Tabs send calls at the pace of a quota; the server tells when they came.

const callsPerTab = 50;
const interval = 1_000;
/** What the throttles keep in hand, in ms. It costs 2.4 % of the quota. */
const margin = 25;
/** How long the tabs have to get ready, in ms. */
const lead = 1_000;
/**
 * A span has room for this many calls of each tab: one second, but two for 8 tabs that share 20 calls per second. There one second
 * has two calls and a half for each, and four tabs with two and four with three are as even as can be, at an index of 0.96.
 */
const callsPerSpan = 5;
/** How often a run is made before what it does not show counts. */
const attempts = 8;

interface Run {
  readonly answered: number;
  readonly troubles: readonly string[];
  readonly log: readonly Call[];
  readonly faults: {
    /** Takes that got no slot. */
    readonly missing: number;
    /** Slots that passed unused. */
    readonly skipped: number;
    /**
     * The slots above the limit in some window. Two slots may be less than an emission interval apart: a tab that woke late goes at once,
     * and its neighbour, which cannot know, keeps its own slot. All later slots have moved then, so no window has more.
     */
    readonly overfull: number;
  };
}

let site: Site;
beforeAll(async () => {
  site = await startSite();
});
afterAll(() => site?.close());

/** What the server has told so far. */
const told: Call[] = [];
let reading = Promise.resolve();
let sent = 0;

/** Asks what the server has to tell, one after the other. */
function readLog(): Promise<void> {
  reading = reading.then(async () => void told.push(...(await site.takeLog())));
  return reading;
}

async function send(tabs: readonly Tab[], store: StoreName, limit: number): Promise<Run> {
  const name = `run ${sent++}, tab`;
  const question = {
    store,
    key: `${limit}`,
    url: site.calls,
    count: callsPerTab,
    limit,
    margin,
    startAt: Date.now() + lead,
  };
  const reports = await Promise.all(
    tabs.map((tab, index) => tab.call('calls', { ...question, tab: `${name} ${index}` })),
  );
  await readLog();
  const log = told.filter(({ tab }) => tab.startsWith(name));
  const slots = log.map(({ slot }) => slot).sort((a, b) => a - b);
  const { missing, skipped } = faultsIn(slots, tabs.length * callsPerTab, (interval + margin) / limit);
  const most = mostInAnyWindow(
    slots.map((at) => ({ at, accepted: true })),
    interval,
  );
  return {
    answered: reports.reduce((sum, { answered }) => sum + answered, 0),
    troubles: reports.flatMap(({ troubles }) => troubles),
    log,
    faults: { missing, skipped, overfull: Math.max(0, most - limit) },
  };
}

interface Sharing {
  /** How many tabs share the quota. */
  readonly count: number;
  readonly limit: number;
}

/** What a run shows only if the machine is never late for more than a moment. Each throws if it does not. */
const shown: Readonly<Record<string, (run: Run, sharing: Sharing) => void>> = {
  'exceed no window': ({ log }, { limit }) => {
    const accepted = log.map((call) => ({ ...call, accepted: true }));
    expect(mostInAnyWindow(accepted, interval)).toBeLessThanOrEqual(limit);
  },
  'use at least 97 % of the quota': ({ log }, { limit }) => {
    expect(shareUsed(log, limit, interval)).toBeGreaterThanOrEqual(0.97);
  },
  'share them evenly while all wait': ({ log }, { count, limit }) => {
    const span = Math.ceil((callsPerSpan * count) / limit) * interval;
    const indices = jainPerSpan(log, span);
    expect(indices.length).toBeGreaterThan(1);
    expect(Math.min(...indices)).toBeGreaterThanOrEqual(0.97);
  },
  'leave no tab waiting for more than twice its share': ({ log }, { count, limit }) => {
    // A call that comes late makes a gap longer that was none of the store's making.
    expect(longestGap(log) - bunching(log)).toBeLessThanOrEqual((2 * count * (interval + margin)) / limit);
  },
};

/** What a run does not show. */
function missed(run: Run, sharing: Sharing): readonly string[] {
  return Object.entries(shown).flatMap(([what, check]) => {
    try {
      check(run, sharing);
      return [];
    } catch {
      return [what];
    }
  });
}

/**
 * A run that shows all it has to, or the last of several that do not. A run with a fault of the store, which no late machine
 * excuses, is the last.
 */
async function bestRun(tabs: readonly Tab[], store: StoreName, limit: number): Promise<Run> {
  for (let left = attempts - 1; ; left--) {
    const run = await send(tabs, store, limit);
    const { missing, overfull, skipped } = run.faults;
    const not = missed(run, { count: tabs.length, limit });
    if (not.length === 0 || left === 0 || run.troubles.length > 0 || missing > 0 || overfull > 0) return run;
    const late = `${skipped} slots passed unused and calls were bunched up by ${Math.round(bunching(run.log))} ms`;
    console.warn(`${tabs.length} tabs on ${store} did not ${not.join(', nor ')}: ${late}. Made anew.`);
  }
}

const stores = ['indexed-db', 'local-storage'] as const;

/** What is run: all of it takes four minutes, so localStorage and the other browsers are looked at where most happens. */
const isFull = process.env.SLUICE_BROWSER === 'full';
/** For all runs in one browser, each of them made as often as it may be, in ms. */
const patience = (isFull ? 2 : 1) * attempts * 45_000;
const countsIn = (engine: string) => (isFull || engine === 'chromium' ? [4, 8] : [4]);
const limitsIn = (engine: string, store: StoreName) =>
  isFull || (engine === 'chromium' && store === 'indexed-db') ? [20, 40] : [40];

describe.each(engines.filter(({ found }) => found))('in $name', ({ name, start }) => {
  describe.each(countsIn(name))('%i tabs', (count) => {
    const cases = stores.flatMap((store) => limitsIn(name, store).map((limit) => ({ store, limit })));
    let browser: Browser;
    const runs: Promise<Run>[] = [];
    beforeAll(async () => {
      browser = await start();
      const tabs = await openTabs(browser, `${site.pages}/`, count);
      for (const { store, limit } of cases) {
        runs.push(bestRun(tabs, store, limit));
        // Four tabs do it all at once, each on a key of its own. Eight have their hands full with one.
        if (count > 4) await runs.at(-1);
      }
      await Promise.all(runs);
    }, patience);
    afterAll(() => browser?.close());

    describe.each(cases)('on $store share $limit calls per second', (each) => {
      const { limit } = each;
      let run: Run;
      beforeAll(async () => {
        run = await (runs[cases.indexOf(each)] as Promise<Run>);
      });

      it('all of which are served, without trouble', () => {
        expect(run).toMatchObject({ answered: count * callsPerTab, troubles: [], faults: { missing: 0 } });
      });

      it('and get at most the limit of slots in any window', () => {
        expect(run.faults.overfull).toBe(0);
      });

      it.each(Object.keys(shown))('and %s', (what) => {
        shown[what]?.(run, { count, limit });
      });
    });
  });
});
