/** Where a call goes. */
export interface Place {
  readonly origin: string;
  /** The whole URL: as it was given where that says it all. */
  readonly href: string;
}

/** What relative URLs are relative to: the document in a page, the script in a worker, nothing elsewhere. */
function baseUrl(): string | undefined {
  const { document, location } = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
  return document?.baseURI ?? location?.href;
}

/** Origins by the beginnings of URLs: parsing one costs more than all else that a call does before it leaves. */
const origins = new Map<string, string>();
const originsKept = 100;

/** A beginning on which alone the origin depends, whatever follows its slash. */
const isPlain = /^https?:\/\/[a-z\d.:-]+$/;

/** Reads where a call goes, now that relative URLs mean what they mean; undefined if it is not ours to hold back. */
export function placeOf(text: string): Place | undefined {
  const slash = text.indexOf('/', 'https://'.length);
  const beginning = text.slice(0, Math.max(slash, 0));
  const known = origins.get(beginning);
  if (known !== undefined) return { origin: known, href: text };
  const base = baseUrl();
  let url: URL;
  try {
    url = new URL(text, base);
  } catch {
    return undefined;
  }
  const { protocol, origin } = url;
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  if (isPlain.test(beginning)) {
    if (origins.size >= originsKept) origins.clear();
    origins.set(beginning, origin);
  }
  return { origin, href: base === undefined ? text : url.href };
}
