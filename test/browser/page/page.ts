import { lab } from './lab.ts';

type Outcome = { readonly value: unknown } | { readonly error: string };

const outcomes: (Outcome | undefined)[] = [];

// For drivers that must not wait for an answer: begin now, ask for the outcome later.
const asked = {
  begin(name: keyof typeof lab, question: never): number {
    const number = outcomes.push(undefined) - 1;
    Promise.resolve()
      .then((): unknown => lab[name](question))
      .then(
        (value) => {
          outcomes[number] = { value };
        },
        (error: unknown) => {
          outcomes[number] = { error: String(error) };
        },
      );
    return number;
  },
  outcome: (number: number): Outcome | null => outcomes[number] ?? null,
};

Object.assign(globalThis, { lab: { ...lab, ...asked } });

// For a page that shows this one in a frame.
addEventListener('message', ({ data, ports: [port] }) => {
  const { name, question } = data as { name: keyof typeof lab; question: never };
  Promise.resolve()
    .then((): unknown => lab[name](question))
    .then((value) => port?.postMessage(value));
});
