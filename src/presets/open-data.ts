import {
  byPlan,
  type PresetByPlan,
  type PresetWithLimits,
  type PresetWithoutLimits,
  withLimits,
  withoutLimits,
} from './preset.ts';

/** Nominatim of the OpenStreetMap Foundation: a call a second, summed over all the users of an application. */
export const nominatim: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'Nominatim (OpenStreetMap)',
  countsBy: 'application, all its users together',
  limits: [[1, 1_000]],
  source: 'https://operations.osmfoundation.org/policies/nominatim/',
  confidence: 'secondhand',
  note: 'No autocomplete. Refuses with 403 or 429 without a time, and blocks addresses.',
});

/** crates.io: a call a second, with a contact in the User-Agent. */
export const cratesIo: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'crates.io',
  countsBy: 'crawler',
  limits: [[1, 1_000]],
  source: 'https://crates.io/data-access',
  confidence: 'secondhand',
  note: 'Needs a User-Agent with a contact; refuses with 403.',
});

/** arXiv: a call every three seconds over one connection, from all your machines together. */
export const arxiv: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'arXiv',
  countsBy: 'client, all its machines together',
  limits: [[1, 3_000]],
  concurrency: 1,
  source: 'https://info.arxiv.org/help/api/tou.html',
  confidence: 'copy',
});

/** EDGAR of the SEC: ten calls a second for each user, whatever the number of machines. */
export const secEdgar: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'SEC EDGAR',
  countsBy: 'user and address',
  limits: [[10, 1_000]],
  dialect: { leastPause: 600_000 },
  source: 'https://www.sec.gov/os/accessing-edgar-data',
  confidence: 'secondhand',
  note: 'Needs a User-Agent with a contact. Too many calls block the address for ten minutes.',
});

/** E-utilities of the NCBI: three calls a second, ten with a key. */
export const ncbi: PresetByPlan<'anonymous' | 'key'> = /* @__PURE__ */ byPlan({
  api: 'NCBI E-utilities',
  countsBy: 'address, or key',
  plans: { anonymous: [[3, 1_000]], key: [[10, 1_000]] },
  source: 'https://www.ncbi.nlm.nih.gov/books/NBK25497/',
  confidence: 'primary',
});

/** Open-Meteo without a contract. */
export const openMeteo: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'Open-Meteo',
  countsBy: 'address',
  limits: [
    [600, 60_000],
    [5_000, 3_600_000],
    [10_000, 86_400_000],
  ],
  concurrency: 1,
  dialect: { leastPause: 60_000 },
  source: 'https://github.com/open-meteo/open-meteo',
  confidence: 'primary',
  note: 'Windows of the wall clock; large queries count as several calls, in fractions. Never says when to come back.',
});

/** NASA's open APIs, with a key of your own or with DEMO_KEY. */
export const nasa: PresetByPlan<'key' | 'demo'> = /* @__PURE__ */ byPlan({
  api: 'NASA api.nasa.gov',
  countsBy: 'key; DEMO_KEY by address',
  plans: {
    key: [[1_000, 3_600_000]],
    demo: [
      [30, 3_600_000],
      [50, 86_400_000],
    ],
  },
  dialect: { leastPause: 3_600_000 },
  source: 'https://api.nasa.gov/',
  confidence: 'primary',
  note: 'A rolling hour, no reset in the headers: blocked for about an hour.',
});

/** CoinGecko with a demo key. */
export const coinGecko: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'CoinGecko (demo)',
  countsBy: 'key, or a shared address',
  limits: [[100, 60_000]],
  source: 'https://docs.coingecko.com/',
  confidence: 'primary',
  note: 'No CORS headers: from a page only through a server of yours.',
});

/** OpenWeather without a subscription. */
export const openWeather: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'OpenWeather (free)',
  countsBy: 'key',
  limits: [[60, 60_000]],
  source: 'https://openweathermap.org/price',
  confidence: 'secondhand',
});

/** Semantic Scholar with a key. */
export const semanticScholar: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'Semantic Scholar',
  countsBy: 'key',
  limits: [[1, 1_000]],
  source: 'https://www.semanticscholar.org/product/api',
  confidence: 'secondhand',
  note: 'Without a key all anonymous callers share one quota.',
});

/** Crossref, which sends its limit with every answer. */
export const crossref: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Crossref',
  countsBy: 'pool and user',
  source: 'https://www.crossref.org/documentation/retrieve-metadata/rest-api/',
  confidence: 'primary',
  note: 'X-Rate-Limit-Limit and X-Rate-Limit-Interval. A limit of calls in flight too.',
});

/** The APIs of Wikimedia and other wikis: one call after the other, with `maxlag`. */
export const mediaWiki: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'MediaWiki',
  countsBy: 'address and User-Agent',
  concurrency: 1,
  dialect: {
    refusals: [{ header: ['mediawiki-api-error', 'maxlag'] }, { header: ['mediawiki-api-error', 'ratelimited'] }],
  },
  source: 'https://www.mediawiki.org/wiki/Manual:Maxlag_parameter',
  confidence: 'primary',
  note: 'Refuses for lag with status 200. Needs a User-Agent.',
});
