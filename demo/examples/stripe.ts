// stripe: the methods that send are named. Its time-out begins in them, before its HTTP client calls a fetch.
import { throttleCalls } from 'sluice';
import Stripe from 'stripe';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('stripe', {
  answer: { id: 'cus_1', object: 'customer', name: 'Amy' },
  gives: 'cus_1',
  connect: (url, throttle) => {
    const { hostname, port } = new URL(url);
    const bare = new Stripe('sk_test_none', {
      protocol: 'http',
      host: hostname,
      port: Number(port),
      maxNetworkRetries: 0,
      telemetry: false,
      timeout: TIMEOUT,
    });
    const stripe = throttle ? throttleCalls(bare, throttle, { methods: ['customers.*', 'paymentIntents.*'] }) : bare;
    return async (index) => (await stripe.customers.retrieve(`cus_${index}`)).id;
  },
});
