declare module 'nspell' {
  interface Dictionary {
    readonly aff: Uint8Array;
    readonly dic: Uint8Array;
  }
  export default function nspell(dictionary: Dictionary): {
    correct(word: string): boolean;
    suggest(word: string): string[];
    add(word: string): void;
  };
}

declare module 'dictionary-en' {
  const dictionary: { readonly aff: Uint8Array; readonly dic: Uint8Array };
  export default dictionary;
}
