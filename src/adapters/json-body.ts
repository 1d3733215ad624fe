/** The longest body that is looked into, in bytes. */
export const longestBody = 1_000_000;

/** Whether a Content-Type is one of JSON. */
export function isJson(contentType: string | null | undefined): boolean {
  return /\bjson\b/i.test(contentType ?? '');
}

/** Reads a stream to its end and parses it; undefined if it is not JSON, or too long. */
export async function parsedStream(stream: ReadableStream<Uint8Array>): Promise<unknown> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > longestBody) {
      // The other half of a copy is still being read: this does not end before it does.
      reader.cancel().catch(() => {});
      return undefined;
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return parsed(text + decoder.decode());
}

/** Parses JSON; undefined if it is not JSON, or too long. */
export function parsed(text: string): unknown {
  if (text.length > longestBody) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads a body that looks like JSON, and leaves the caller's as it is; undefined if it cannot be read. */
export async function jsonOf(response: Response): Promise<unknown> {
  try {
    const { headers, body } = response;
    if (!isJson(headers.get('content-type'))) return undefined;
    if (Number(headers.get('content-length') ?? 0) > longestBody) return undefined;
    // The copy of a Node stream, as in node-fetch, stalls unless the original is read too.
    if (typeof (body as { pipe?: unknown } | null | undefined)?.pipe === 'function') return undefined;
    const copy = response.clone();
    return await (copy.body ? parsedStream(copy.body) : copy.json());
  } catch {
    return undefined;
  }
}
