/** Origins that were told about. */
const told = new Set<string>();

/**
 * Warns once per origin, in development, of a refusal whose timing the browser hides from the page.
 * @param answer a refusal that names no time
 */
export function warnOfHiddenTiming(answer: Pick<Response, 'type' | 'url' | 'headers'>): void {
  if (answer.type !== 'cors' || !isDevelopment() || answer.headers.has('retry-after')) return;
  const { origin } = new URL(answer.url);
  if (told.has(origin)) return;
  told.add(origin);
  console.warn(
    `sluice: ${origin} refused a call for its quota and shows this page no time to come back. ` +
      'With `Access-Control-Expose-Headers: Retry-After` it would; until then the pauses are guessed.',
  );
}

declare const process: { readonly env: { readonly NODE_ENV?: string } };

function isDevelopment(): boolean {
  try {
    // Bundlers put the value in the place of this.
    return process.env.NODE_ENV !== 'production';
  } catch {
    const { location } = globalThis as { location?: { hostname?: string } };
    return /^(localhost|127\.0\.0\.1|\[::1\])$/.test(location?.hostname ?? '');
  }
}
