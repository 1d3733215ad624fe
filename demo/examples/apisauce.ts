// apisauce: interceptors on its axios.
import { create } from 'apisauce';
import { throttleAxios } from 'sluice/axios';
import { runClientExample, TIMEOUT } from '../client-example.ts';

await runClientExample('apisauce', {
  answer: { title: 'An item' },
  gives: 'An item',
  connect: (url, throttle) => {
    const api = create({ baseURL: url, timeout: TIMEOUT });
    if (throttle) throttleAxios(api.axiosInstance, throttle);
    return async (index) => (await api.get<{ title: string }>(`/items/${index}`)).data?.title;
  },
});
