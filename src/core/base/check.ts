/** Describes what is wrong with an option: its name, the rule it broke and the given value. */
function expected(name: string, rule: string, value: unknown): string {
  return `Expected \`${name}\` to be ${rule}, got \`${describe(value)}\`.`;
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === 'function') return `function ${value.name}`.trim();
  if (Array.isArray(value)) return `array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return Object.prototype.toString.call(value);
  return Object.is(value, -0) ? '-0' : String(value);
}

/** @throws TypeError always: the value is of the wrong type. */
export function wrongType(name: string, rule: string, value: unknown): never {
  throw new TypeError(expected(name, rule, value));
}

/** @throws RangeError always: the value is of the right type but out of range. */
export function outOfRange(name: string, rule: string, value: unknown): never {
  throw new RangeError(expected(name, rule, value));
}

/** The range of a numeric option. `whole` refuses fractions, `infinite` lets Infinity pass. */
export interface Range {
  readonly above?: number;
  readonly from?: number;
  readonly to?: number;
  readonly whole?: boolean;
  readonly infinite?: boolean;
}

/**
 * Checks a numeric option and returns it.
 * @throws TypeError if it is not a number, RangeError if it is NaN, infinite or out of range.
 */
export function checkNumber(name: string, value: unknown, range: Range): number {
  if (typeof value !== 'number') wrongType(name, rule(range), value);
  const { above = -Infinity, from = -Infinity, to = Infinity, whole = false, infinite = false } = range;
  // No bound lets NaN or -Infinity pass.
  const finite = infinite || Number.isFinite(value);
  const inRange = value > above && value >= from && value <= to;
  if (!finite || !inRange || (whole && value !== Infinity && !Number.isInteger(value)))
    outOfRange(name, rule(range), value);
  return value;
}

function rule({ above, from, to, whole, infinite }: Range): string {
  const bounds = [
    above === undefined ? undefined : `above ${above}`,
    from === undefined ? undefined : `of at least ${from}`,
    to === undefined ? undefined : `of at most ${to}`,
  ].filter((bound) => bound !== undefined);
  // A rule without a bound needs an extra word for Infinity.
  const kind = whole ? 'a whole number' : bounds.length > 0 ? 'a number' : 'a finite number';
  return `${[kind, bounds.join(' and ')].filter(Boolean).join(' ')}${infinite ? ' (Infinity is allowed)' : ''}`;
}

/** @throws RangeError if `value` is not one of `choices`. */
export function checkOneOf(name: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) outOfRange(name, `one of ${choices.join(', ')}`, value);
}

/** @throws TypeError if `value` is not a function. */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') wrongType(name, 'a function', value);
}

/** @throws TypeError if `value` is not an object with at least the named methods. */
export function checkMethods(name: string, value: unknown, methods: readonly string[]): void {
  if (Object(value) !== value) wrongType(name, `an object with ${methods.join(', ')}`, value);
  for (const method of methods) checkFunction(`${name}.${method}`, (value as Record<string, unknown>)[method]);
}

/** Whether a value has all the named methods. */
export function hasMethods(value: unknown, ...methods: readonly PropertyKey[]): boolean {
  const of = value as Readonly<Record<PropertyKey, unknown>> | null | undefined;
  return methods.every((method) => typeof of?.[method] === 'function');
}

/** @throws TypeError if `value` is not a plain options object or undefined. */
export function checkOptions(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) wrongType(name, 'an object', value);
}
