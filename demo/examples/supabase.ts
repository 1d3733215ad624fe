// supabase-js: a query is sent when it is awaited, so the wait is there.
import { createClient } from '@supabase/supabase-js';
import { throttleCalls } from 'sluice';
import { runClientExample } from '../client-example.ts';

await runClientExample('@supabase/supabase-js', {
  answer: [{ id: 1, name: 'Amy' }],
  gives: [{ id: 1, name: 'Amy' }],
  connect: (url, throttle) => {
    const bare = createClient(url, 'none', { auth: { persistSession: false, autoRefreshToken: false } });
    const supabase = throttle ? throttleCalls(bare, throttle, { lazy: ['from', 'rpc'] }) : bare;
    return async (index) => (await supabase.from('users').select('id, name').eq('id', index)).data;
  },
});
