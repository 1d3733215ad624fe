import type { Answered } from './answer.ts';

/** The outcome of a call: its result, or its error. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** The result or the error. */
export function saidBy(outcome: Outcome): unknown {
  return 'error' in outcome ? outcome.error : outcome.value;
}

/** An outcome without an HTTP answer. */
const silent: Answered = { status: 0, headers: {} };

/** The headers of a result without any, such as a bare body. */
export const noHeaders = {};

const statusNames = ['status', 'statusCode', 'httpStatusCode', 'networkStatusCode'];

/**
 * Names and codes of errors that are refusals with any status, without hyphens, underscores and spaces: AWS mostly
 * answers with 400.
 */
const refusals =
  /throttl|slowdown\b|toomanyrequests|rateexceeded|throughputexceeded|\b(ratelimit(ed)?\b|(rate|request|bandwidth)?limitexceeded|priorrequestnot|transactionin)/i;

/** RESOURCE_EXHAUSTED of gRPC. */
const exhausted = 8;

type Told = { readonly [name: string]: Told } | null | undefined;

/**
 * Reads the HTTP answer behind an outcome, wherever SDKs put it. Unreadable values are ignored.
 * @see docs/adapters.md for the SDKs that were read
 */
export function answeredBy(outcome: Outcome): Answered {
  try {
    const said = saidBy(outcome) as Told;
    if (typeof said !== 'object' || said === null)
      return 'error' in outcome ? silent : { ...silent, headers: noHeaders };
    const { response, rawResponse, $response, $metadata, $retryable, raw, parameters, name, code, type, metadata } =
      said;
    const error = said.error ?? said.errors;
    const places: readonly Told[] = [
      said,
      response,
      rawResponse,
      $response,
      $metadata,
      error,
      error?.response,
      raw?.response,
      parameters,
    ];
    /** The first value found: by the order of names, then of places. */
    const find = <Value>(type: 'number' | 'object', ...names: readonly string[]): Value | undefined => {
      for (const name of names)
        for (const place of places) {
          const value = place?.[name];
          if (typeof value === type && value !== null) return value as Value;
        }
      return undefined;
    };

    const headers = find<object>('object', 'headers');
    if (!('error' in outcome)) return { status: find('number', ...statusNames) ?? 0, headers: headers ?? noHeaders };
    const retryAfter = find<number>('number', 'retryAfter', 'retry_after');
    const isRefused =
      retryAfter !== undefined ||
      refusals.test([name, code, type].join().replace(/[-_ ]/g, '')) ||
      $retryable?.throttling ||
      ((code as unknown) === exhausted && metadata);
    // Those of discord.js are milliseconds.
    const field = 'timeToReset' in said ? 'retry-after-ms' : 'retry-after';
    return {
      // A code counts last, because many errors have a code of their own beside the status.
      status: isRefused ? 429 : (find('number', ...statusNames, 'code', 'error_code') ?? 0),
      headers: headers ?? (retryAfter === undefined ? {} : { [field]: String(retryAfter) }),
    };
  } catch {
    return silent;
  }
}
