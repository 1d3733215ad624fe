import { initialSetup, isWindow, type Setup, setupFrom } from './setup.ts';

/** The controls, as a set-up. */
export class SetupForm {
  readonly #form: HTMLFormElement;

  constructor(form: HTMLFormElement, changed: (setup: Setup) => void) {
    this.#form = form;
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', () => changed(this.#tidied()));
    // What is out of range shows what counts instead.
    form.addEventListener('change', () => this.show(this.read()));
    form.addEventListener('reset', (event) => {
      event.preventDefault();
      this.show(initialSetup);
      changed(initialSetup);
    });
  }

  read(): Setup {
    const given: Record<string, unknown> = {};
    for (const name of Object.keys(initialSetup)) {
      const field = this.#field(name);
      given[name] = field instanceof HTMLInputElement && field.type === 'checkbox' ? field.checked : field.value;
    }
    return setupFrom(given);
  }

  show(setup: Setup): void {
    for (const [name, value] of Object.entries(setup)) {
      const field = this.#field(name);
      if (field instanceof HTMLInputElement && field.type === 'checkbox') field.checked = value === true;
      else field.value = name === 'margin' && value === -1 ? '' : String(value);
    }
    this.#tidied();
  }

  #tidied(): Setup {
    const setup = this.read();
    const isUsed: Readonly<Record<string, boolean>> = {
      bucket: !isWindow(setup),
      own: setup.kind !== 'fit' && setup.kind !== 'server',
      'at-once': setup.kind === 'quota' || setup.kind === 'bucket',
    };
    for (const part of this.#form.querySelectorAll<HTMLElement>('[data-for]')) {
      const isOn = isUsed[part.dataset.for ?? ''] === true;
      part.hidden = !isOn;
      for (const field of part.querySelectorAll('input')) field.disabled = !isOn;
    }
    return setup;
  }

  #field(name: string): HTMLInputElement | HTMLSelectElement {
    return this.#form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
  }
}
