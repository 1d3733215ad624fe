import { putLatest } from '../core/base/latest.ts';

/** Where a call goes. */
export interface Place {
  readonly origin: string;
  /** The whole URL: as it was given where that says it all. */
  readonly href: string;
}

/** Origins by the beginnings of URLs: parsing one costs more than all else that a call does before it leaves. */
const origins = new Map<string, string>();
const originsKept = 100;

/** A beginning on which alone the origin depends, whatever follows its slash. */
const isPlain = /^https?:\/\/[a-z\d.:-]+$/;

/**
 * Reads where a call goes, now that relative URLs mean what they mean; undefined if it is not ours to hold back.
 * @param input a URL, or what is one as a text
 */
export function placeOf(input: unknown): Place | undefined {
  try {
    const text = `${input}`;
    const beginning = text.slice(0, Math.max(text.indexOf('/', 'https://'.length), 0));
    const known = origins.get(beginning);
    if (known !== undefined) return { origin: known, href: text };
    // What relative URLs are relative to: the document in a page, the script in a worker, nothing elsewhere.
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
