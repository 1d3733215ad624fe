// stripe: an HTTP client that is made of a fetch.
import { throttleFetch } from 'sluice';
import Stripe from 'stripe';
import { runClientExample } from '../client-example.ts';

await runClientExample('stripe', {
  answer: { id: 'cus_1', object: 'customer', name: 'Amy' },
  gives: 'cus_1',
  connect: (url, throttle) => {
    const { hostname, port } = new URL(url);
    const stripe = new Stripe('sk_test_none', {
      protocol: 'http',
      host: hostname,
      port: Number(port),
      maxNetworkRetries: 0,
      telemetry: false,
      httpClient: Stripe.createFetchHttpClient(throttle ? throttleFetch(throttle) : fetch),
    });
    return async (index) => (await stripe.customers.retrieve(`cus_${index}`)).id;
  },
});
