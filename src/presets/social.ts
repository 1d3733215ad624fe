import { type PresetWithLimits, type PresetWithoutLimits, withLimits, withoutLimits } from './preset.ts';

/** Discord: the limit for all routes together. Those of each route come with the answers. */
export const discord: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'Discord',
  countsBy: 'token; bucket and channel, guild or webhook',
  limits: [[50, 1_000]],
  source: 'https://docs.discord.com/developers/topics/rate-limits',
  confidence: 'primary',
  note: '10,000 answers of 401, 403 or 429 in ten minutes ban the address. Routes have limits that are not to be hard-coded.',
});

/** X, by endpoint for each 15 minutes. */
export const x: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'X (Twitter)',
  countsBy: 'user or app, and endpoint',
  source: 'https://docs.x.com/x-api/fundamentals/rate-limits',
  confidence: 'primary',
});

/** Reddit with OAuth. */
export const reddit: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'Reddit',
  countsBy: 'OAuth client',
  limits: [[100, 60_000]],
  source: 'https://support.reddithelp.com/hc/en-us/articles/16160319875092-Reddit-Data-API-Wiki',
  confidence: 'secondhand',
});

/** Mastodon, with the defaults of its servers. */
export const mastodon: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'Mastodon',
  countsBy: 'account, and address',
  limits: [[300, 300_000]],
  source: 'https://docs.joinmastodon.org/api/rate-limits/',
  confidence: 'copy',
  note: 'Each server may have limits of its own.',
});

/** A personal data server of Bluesky, by address. */
export const bluesky: PresetWithLimits = /* @__PURE__ */ withLimits({
  api: 'Bluesky',
  countsBy: 'address; account for writes',
  limits: [[3_000, 300_000]],
  source: 'https://github.com/bluesky-social/atproto/blob/main/packages/xrpc-server/src/rate-limiter.ts',
  confidence: 'primary',
  note: 'Writes have a quota in points of their own, which is second-hand: 5,000 an hour and 35,000 a day.',
});

/** Spotify, which does not publish its limit. */
export const spotify: PresetWithoutLimits = /* @__PURE__ */ withoutLimits({
  api: 'Spotify',
  countsBy: 'app',
  source: 'https://developer.spotify.com/documentation/web-api/concepts/rate-limits',
  confidence: 'primary',
  note: 'A rolling window of 30 seconds.',
});
