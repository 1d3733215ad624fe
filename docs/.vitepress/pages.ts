// The table of contents: what a reader wants to do, and the page for it. A new page is one line here.
export interface Chapter {
  readonly title: string;
  readonly pages: readonly (readonly [title: string, file: string])[];
}

export const chapters: readonly Chapter[] = [
  {
    title: 'Use it',
    pages: [
      ['Your client: fetch, axios, ky, SDKs', 'adapters'],
      ['Limits', 'limits'],
      ['Presets of known APIs', 'presets'],
      ['Waiting, priority, the end', 'waiting'],
      ['Daily work', 'daily-work'],
    ],
  },
  {
    title: 'Share a quota',
    pages: [
      ['Stores, tabs, reloads', 'storage'],
      ['The life of a page', 'pages'],
      ['Processes and machines', 'scaling'],
    ],
  },
  {
    title: 'Servers',
    pages: [
      ['What servers say', 'server-signals'],
      ['Limit your own server', 'http'],
    ],
  },
  {
    title: 'Run it',
    pages: [
      ['Observing', 'observing'],
      ['Testing your code', 'testing'],
      ['Migrating', 'migrating'],
    ],
  },
  {
    title: 'How it works',
    pages: [
      ['The algorithm', 'algorithm'],
      ['Architecture', 'architecture'],
      ['Benchmarks', 'benchmarks'],
    ],
  },
];
