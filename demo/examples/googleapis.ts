// googleapis, and the packages that have one API of it: the auth client sends all calls.
import { auth, oauth2 } from '@googleapis/oauth2';
import { throttleCalls } from 'sluice';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('@googleapis/oauth2', {
  answer: { id: '1', name: 'Amy' },
  gives: 'Amy',
  connect: (url, throttle) => {
    const bare = new auth.OAuth2();
    bare.setCredentials({ access_token: 'none' });
    const authClient = throttle ? throttleCalls(bare, throttle, { methods: ['request'] }) : bare;
    const api = oauth2({ version: 'v2', auth: authClient, rootUrl: `${url}/`, timeout: TIMEOUT, retry: false });
    return async () => (await api.userinfo.get()).data.name;
  },
});
