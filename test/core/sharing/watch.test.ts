import { expect, test } from 'vitest';
import { sharedLine, T } from './shared-line.ts';

/** A line that its own throttle has paused for 10 seconds, with a waiting call. */
async function pausedLine(answersAfter = 1) {
  const line = sharedLine({ answersAfter });
  const { clock, throttle, wait } = line;
  void throttle.pause('default', clock.now() + 10_000);
  const call = wait();
  await clock.advance(100);
  return { ...line, call };
}

test('a pause that others ended early ends here too', async () => {
  const { clock, call, inner, tell } = await pausedLine();
  inner.reset('default');
  tell();
  await clock.advance(5);
  expect(call.at).toBe(102);
});

test('news during a pause that still holds do not end it', async () => {
  const { clock, call, tell, asked } = await pausedLine();
  tell();
  await clock.advance(1_000);
  expect([call.state, asked]).toEqual(['pending', { pause: 1, peek: 1 }]);
});

test('a pause that was made longer while the store was asked about it does not end', async () => {
  const { clock, throttle, call, inner, tell } = await pausedLine(20);
  let resumed = 0;
  throttle.on('resumed', () => resumed++);
  inner.reset('default');
  tell();
  await clock.advance(10);
  void throttle.pause('default', clock.now() + 30_000);
  await clock.advance(10_000);
  expect([call.state, resumed]).toEqual(['pending', 0]);
  await clock.advance(30_000);
  expect([call.state, resumed]).toEqual(['fulfilled', 1]);
});

test('the store is not asked about a pause that is over', async () => {
  const { clock, throttle, tell, asked } = sharedLine();
  void throttle.pause('default', clock.now() + 500);
  await clock.advance(500);
  tell();
  await clock.advance(T);
  expect(asked).toEqual({ pause: 1 });
});
