// axios: interceptors on the instance.
import axios from 'axios';
import { throttleAxios } from 'sluice/axios';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('axios', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const api = axios.create({ baseURL: url, timeout: TIMEOUT });
    if (throttle) throttleAxios(api, throttle);
    return async (index) => (await api.get(`/items/${index}`)).data.title;
  },
});
