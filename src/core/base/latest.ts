/** Puts a value into a map as its latest, which keeps the latest `most`: the one that was put first goes first. */
export function putLatest<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value as Key);
}
