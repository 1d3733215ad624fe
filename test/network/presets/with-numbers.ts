import * as presets from 'sluice/presets';
import { day, hour, minute, second, server, type Vendor, vendor } from './vendor.ts';
import {
  azureFields,
  binanceFields,
  blueskyFields,
  discordFields,
  dockerHubFields,
  hubspotFields,
  ietfFields,
  mastodonFields,
  nothing,
  redditFields,
  shopifyBody,
  shopifyRestFields,
  timeless,
} from './vendor-fields.ts';

/** Presets with numbers: against a server that has the same. */
export const withNumbers: readonly Vendor[] = [
  vendor('airtable()', presets.airtable(), server('sliding', 5, second), nothing, 60),
  vendor('arxiv()', presets.arxiv(), server('sliding', 1, 3 * second), nothing, 60),
  vendor(
    "azureResourceManager({ plan: 'writes' })",
    presets.azureResourceManager(),
    server('token', 10, second, { burst: 200 }),
    azureFields('writes'),
    600,
  ),
  vendor(
    "azureResourceManager({ plan: 'reads' })",
    presets.azureResourceManager({ plan: 'reads' }),
    server('token', 25, second, { burst: 250 }),
    azureFields('reads'),
    750,
  ),
  vendor('binance()', presets.binance(), server('fixed', 6_000, minute), binanceFields, 600, 25),
  vendor('bluesky()', presets.bluesky(), server('fixed', 3_000, 5 * minute), blueskyFields, 3_500),
  vendor('cloudflare()', presets.cloudflare(), server('fixed', 1_200, 5 * minute), ietfFields, 2_000),
  vendor('coinGecko()', presets.coinGecko(), server('fixed', 100, minute), nothing, 250),
  vendor('cratesIo()', presets.cratesIo(), server('sliding', 1, second), nothing, 60),
  vendor('discord()', presets.discord(), server('fixed', 50, second), discordFields, 250),
  vendor(
    "dockerHub({ plan: 'anonymous' })",
    presets.dockerHub(),
    server('sliding', 100, 6 * hour),
    dockerHubFields,
    250,
  ),
  vendor(
    "dockerHub({ plan: 'personal' })",
    presets.dockerHub({ plan: 'personal' }),
    server('fixed', 200, 6 * hour),
    dockerHubFields,
    500,
  ),
  vendor("googleSheets({ plan: 'user' })", presets.googleSheets(), server('token', 60, minute), nothing, 150),
  vendor(
    "googleSheets({ plan: 'project' })",
    presets.googleSheets({ plan: 'project' }),
    server('token', 300, minute),
    nothing,
    750,
  ),
  vendor(
    'hubspot()',
    presets.hubspot(),
    [server('sliding', 100, 10 * second), server('fixed', 250_000, day)],
    hubspotFields,
    400,
  ),
  vendor('mastodon()', presets.mastodon(), server('fixed', 300, 5 * minute), mastodonFields, 750),
  vendor("nasa({ plan: 'key' })", presets.nasa(), server('sliding', 1_000, hour), timeless, 1_500),
  vendor(
    "nasa({ plan: 'demo' })",
    presets.nasa({ plan: 'demo' }),
    [server('sliding', 30, hour), server('sliding', 50, day)],
    timeless,
    150,
  ),
  vendor("ncbi({ plan: 'anonymous' })", presets.ncbi(), server('sliding', 3, second), timeless, 60),
  vendor("ncbi({ plan: 'key' })", presets.ncbi({ plan: 'key' }), server('sliding', 10, second), timeless, 100),
  vendor('nominatim()', presets.nominatim(), server('sliding', 1, second), nothing, 60),
  vendor(
    'openMeteo()',
    presets.openMeteo(),
    [server('fixed', 600, minute), server('fixed', 5_000, hour), server('fixed', 10_000, day)],
    nothing,
    1_500,
  ),
  vendor('openWeather()', presets.openWeather(), server('fixed', 60, minute), nothing, 150),
  vendor('reddit()', presets.reddit(), server('fixed', 100, minute), redditFields, 250),
  vendor('secEdgar()', presets.secEdgar(), server('sliding', 10, second), nothing, 100),
  vendor('semanticScholar()', presets.semanticScholar(), server('sliding', 1, second), nothing, 60),
  ...(
    [
      ['standard', 100],
      ['advanced', 200],
      ['plus', 1_000],
      ['enterprise', 2_000],
    ] as const
  ).map(([plan, rate]) =>
    vendor(
      `shopify({ plan: '${plan}' })`,
      presets.shopify({ plan }),
      server('gcra', rate, second, { burst: 1_000 }),
      shopifyBody(50, rate),
      300,
      50,
    ),
  ),
  ...(
    [
      ['standard', 2],
      ['advanced', 4],
      ['plus', 20],
    ] as const
  ).map(([plan, rate]) =>
    vendor(
      `shopifyRest({ plan: '${plan}' })`,
      presets.shopifyRest({ plan }),
      server('gcra', rate, second, { burst: 40 }),
      shopifyRestFields,
      200,
    ),
  ),
  ...(
    [
      ['tier1', 1],
      ['tier2', 20],
      ['tier3', 50],
      ['tier4', 100],
    ] as const
  ).map(([plan, limit]) =>
    vendor(
      `slack({ plan: '${plan}' })`,
      presets.slack({ plan }),
      server('sliding', limit, minute),
      nothing,
      Math.max(20, 3 * limit),
    ),
  ),
  vendor("stripe({ plan: 'live' })", presets.stripe(), server('token', 100, second), nothing, 400),
  vendor("stripe({ plan: 'sandbox' })", presets.stripe({ plan: 'sandbox' }), server('token', 25, second), nothing, 100),
];
