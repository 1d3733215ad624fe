import type { Dialect, FieldMeaning } from './dialect.ts';
import { own } from './own.ts';
import type { NamedPart } from './reading.ts';
import { meaningsOf } from './vendor-fields.ts';

/** Reads a field that has a name of its own, by a dialect or a vendor; undefined for any other. */
export function partsOf(field: string, text: string, { fields = {} }: Dialect): readonly NamedPart[] | undefined {
  const meaning = own(fields, field);
  // Fields of one vendor and one name describe one quota.
  return meaning
    ? partsIn(meaning, text, '')
    : meaningsOf(field, text)?.flatMap(([meaning, text]) => partsIn(meaning, text, field.replace(/limit.*/, '')));
}

function partsIn({ field: part, policyName, unit }: FieldMeaning, text: string, group: string): readonly NamedPart[] {
  const one = { group, policyName, unit };
  if (part === 'used/limit') {
    const [used = '', limit = ''] = text.split('/');
    return [
      { ...one, part: 'used', text: used },
      { ...one, part: 'limit', text: limit },
    ];
  }
  if (part === 'window-ms') return [{ ...one, part: 'window', text: `${text.trim()}ms` }];
  return [{ ...one, part: part === 'reset' ? 1 : part, text }];
}
