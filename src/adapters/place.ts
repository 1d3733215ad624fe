import { putLatest } from '../core/base/latest.ts';

/** The target of a call. */
export interface Place {
  readonly origin: string;
  /** The whole URL: as it was given, if that is complete. */
  readonly href: string;
}

/** Origins by the beginnings of URLs: parsing a URL costs more than everything else before a call leaves. */
const origins = new Map<string, string>();
const originsKept = 100;

/** A beginning that determines the origin, whatever follows its slash. */
const isPlain = /^https?:\/\/[a-z\d.:-]+$/;

/**
 * Reads the target of a call now, because the base of relative URLs may change; undefined if the call is not throttled.
 * @param input a URL, or a value that becomes one as a text
 */
export function placeOf(input: unknown): Place | undefined {
  try {
    const text = `${input}`;
    const beginning = text.slice(0, Math.max(text.indexOf('/', 'https://'.length), 0));
    const known = origins.get(beginning);
    if (known !== undefined) return { origin: known, href: text };
    // The base of relative URLs: the document in a page, the script in a worker, nothing elsewhere.
    const { document, location } = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
    const base = document?.baseURI ?? location?.href;
    const { protocol, origin, href } = new URL(text, base);
    if (!/^https?:$/.test(protocol)) return undefined;
    if (isPlain.test(beginning)) putLatest(origins, beginning, origin, originsKept);
    return { origin, href: base === undefined ? text : href };
  } catch {
    return undefined;
  }
}
