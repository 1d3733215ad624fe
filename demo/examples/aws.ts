// AWS SDK: its request handler sends all of its calls, its retries too, and its time-outs begin there.
import { GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { throttleCalls } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('@aws-sdk/client-sqs', {
  answer: { QueueUrl: 'https://sqs.example/1/jobs' },
  gives: 'https://sqs.example/1/jobs',
  connect: (url, throttle) => {
    const bare = new NodeHttpHandler({ requestTimeout: TIMEOUT, throwOnRequestTimeout: true });
    // What is refused is sent again by the SDK, which knows whether its body can be.
    const requestHandler = throttle ? throttleCalls(bare, throttle, { methods: ['handle'], retry: 0 }) : bare;
    const sqs = new SQSClient({
      endpoint: url,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
      maxAttempts: 1,
      requestHandler,
    });
    return async (index) => (await sqs.send(new GetQueueUrlCommand({ QueueName: `jobs-${index}` }))).QueueUrl;
  },
});
