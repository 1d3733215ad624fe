// supabase-js: a query is sent when it is awaited, so the wait is there, and a time-out of its fetch begins afterwards.
import { createClient } from '@supabase/supabase-js';
import { throttleCalls } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('@supabase/supabase-js', {
  answer: [{ id: 1, name: 'Amy' }],
  gives: [{ id: 1, name: 'Amy' }],
  connect: (url, throttle) => {
    const bare = createClient(url, 'none', {
      auth: { persistSession: false, autoRefreshToken: false },
      global: { fetch: (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(TIMEOUT) }) },
    });
    const supabase = throttle ? throttleCalls(bare, throttle, { lazy: ['from', 'rpc'] }) : bare;
    return async (index) => (await supabase.from('users').select('id, name').eq('id', index)).data;
  },
});
