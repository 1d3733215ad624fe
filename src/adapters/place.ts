/** What relative URLs are relative to: the document in a page, the script in a worker, nothing elsewhere. */
export function baseUrl(): string | undefined {
  const { document, location } = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
  return document?.baseURI ?? location?.href;
}

/** Reads where a call goes, now that relative URLs mean what they mean; undefined if it is not ours to hold back. */
export function urlOf(text: string, base: string | undefined): URL | undefined {
  let url: URL;
  try {
    url = new URL(text, base);
  } catch {
    return undefined;
  }
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}
