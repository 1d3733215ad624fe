import { describe } from 'vitest';
import { itEndsOnAbort } from './abort.ts';
import { itStaysAsItIs } from './behaviour.ts';
import { itTakesTheOptions } from './options.ts';
import { itSendsRefusedCallsAgain } from './refusal.ts';
import { itKeepsResponses } from './responses.ts';
import { itKeepsSecrets } from './secrets.ts';
import { itStreams } from './streams.ts';
import { type Subject, useStage } from './subject.ts';

/**
 * What every adapter has to keep, whatever its client: real requests to a server on loopback, waiting in virtual time. Add what
 * only one client has in a file of its own.
 */
export function adapterContract(subject: Subject): void {
  describe(`adapter contract: ${subject.name}`, () => {
    const stage = useStage();
    describe('options', () => itTakesTheOptions(subject, stage));
    describe('a refused call', () => itSendsRefusedCallsAgain(subject, stage));
    describe('an abort', () => itEndsOnAbort(subject, stage));
    describe('the client', () => itStaysAsItIs(subject, stage));
    describe('a secret', () => itKeepsSecrets(subject, stage));
    const { respond, stream } = subject;
    if (stream) describe('a stream', () => itStreams(stream, stage));
    if (respond) describe('a Response', () => itKeepsResponses(subject, respond, stage));
  });
}

/** The part of it that needs no options: for calls that answers and errors are wrapped for. */
export function clientContract(subject: Subject): void {
  describe(`client contract: ${subject.name}`, () => {
    const stage = useStage();
    describe('an abort', () => itEndsOnAbort(subject, stage));
    describe('the client', () => itStaysAsItIs(subject, stage));
    if (subject.stream) describe('a stream', () => itStreams(subject.stream as never, stage));
  });
}
