// The table of contents: what a reader wants to do, and the page for it. A new page is one line here.
export interface Chapter {
  readonly title: string;
  readonly pages: readonly (readonly [title: string, file: string])[];
}

export const chapters: readonly Chapter[] = [
  {
    title: 'Start',
    pages: [
      ['Getting started', 'getting-started'],
      ['Choosing limits', 'choosing-limits'],
      ['Presets of known APIs', 'presets'],
      ['Options', 'options'],
      ['Glossary', 'glossary'],
    ],
  },
  {
    title: 'Where it runs',
    pages: [
      ['Your client: fetch, axios, ky', 'adapters'],
      ['SDKs', 'sdks'],
      ['LLM tokens', 'llm-tokens'],
      ['Tabs', 'tabs'],
      ['Service worker', 'service-worker'],
      ['Hidden and cached pages', 'pages'],
      ['Many processes', 'processes'],
      ['Redis and scaling', 'scaling'],
      ['In an HTTP server', 'http'],
      ['Runtimes, Workers, Next', 'runtimes'],
    ],
  },
  {
    title: 'Every day',
    pages: [
      ['Limits and costs', 'limits'],
      ['Waiting, priority, the end', 'waiting'],
      ['Long lists, status in a page', 'daily-work'],
      ['Metrics and logs', 'observing'],
      ['Testing your code', 'testing'],
    ],
  },
  {
    title: 'Help',
    pages: [
      ['Troubleshooting', 'troubleshooting'],
      ['Questions', 'faq'],
      ['Events and errors', 'events-and-errors'],
      ['Comparison', 'comparison'],
      ['Migrating', 'migrating'],
    ],
  },
  {
    title: 'Extend',
    pages: [
      ['Stores', 'storage'],
      ['Recipes: PostgreSQL, SQLite, …', 'recipes'],
      ['Your own store', 'own-store'],
      ['Your own adapter', 'own-adapter'],
    ],
  },
  {
    title: 'How it works',
    pages: [
      ['The algorithm', 'algorithm'],
      ['What servers say', 'server-signals'],
      ['Architecture', 'architecture'],
      ['Sizes', 'sizes'],
      ['Benchmarks', 'benchmarks'],
      ['Side by side', 'benchmarks-peers'],
      ['Versions', 'versions'],
    ],
  },
];
