// octokit: its fetch is an option.
import { Octokit } from 'octokit';
import { throttleFetch } from 'sluice';
import { runClientExample } from '../client-example.ts';

await runClientExample('octokit', {
  answer: { number: 1, title: 'An issue' },
  gives: 'An issue',
  connect: (url, throttle) => {
    const octokit = new Octokit({
      baseUrl: url,
      request: { fetch: throttle ? throttleFetch(throttle) : fetch },
      throttle: { enabled: false },
      retry: { enabled: false },
      log: { debug() {}, info() {}, warn() {}, error() {} },
    });
    return async (index) => {
      const { data } = await octokit.rest.issues.get({ owner: 'sluice', repo: 'sluice', issue_number: index + 1 });
      return data.title;
    };
  },
});
