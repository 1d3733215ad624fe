// twilio: its HTTP client sends all of its calls, and its time-out begins there.
import { throttleCalls } from 'sluice';
import twilio from 'twilio';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('twilio', {
  answer: { sid: 'SM1', body: 'A message' },
  gives: 'SM1',
  connect: (url, throttle) => {
    const bare = new twilio.RequestClient({ timeout: TIMEOUT });
    // Twilio's own address cannot be changed: what is meant for it goes to the local server.
    bare.axios.interceptors.request.use((config) => {
      return Object.assign(config, { url: config.url?.replace('https://api.twilio.com', url) });
    });
    const httpClient = throttle ? throttleCalls(bare, throttle, { methods: ['request'] }) : bare;
    const client = twilio('AC1', 'none', { httpClient });
    return async (index) => (await client.messages.create({ to: '+1', from: '+2', body: `Message ${index}` })).sid;
  },
});
