/**
 * Opens the database that has the object store `storeName`, and creates what is missing.
 * @param lost called when the connection has ended by itself, or has to be closed because other code waits to change or
 * delete the database
 * @throws DOMException if the browser blocks it, Error if there is no IndexedDB
 * @see https://www.w3.org/TR/IndexedDB/#opening
 */
export async function openDatabase(dbName: string, storeName: string, lost: () => void): Promise<IDBDatabase> {
  let version: number | undefined;
  for (;;) {
    let database: IDBDatabase;
    try {
      database = await open(dbName, storeName, version, lost);
    } catch (error) {
      // Other code has created its store first.
      if (version === undefined || (error as DOMException).name !== 'VersionError') throw error;
      version = undefined;
      continue;
    }
    if (database.objectStoreNames.contains(storeName)) return database;
    version = database.version + 1;
    database.close();
  }
}

function open(dbName: string, storeName: string, version: number | undefined, lost: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const { indexedDB } = globalThis;
    if (indexedDB === undefined || indexedDB === null) throw new Error('There is no IndexedDB here.');
    const request = indexedDB.open(dbName, version);
    request.onupgradeneeded = () => {
      const { result } = request;
      if (!result.objectStoreNames.contains(storeName)) result.createObjectStore(storeName);
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const { result } = request;
      result.onclose = lost;
      result.onversionchange = lost;
      resolve(result);
    };
  });
}
