// Edits that the server has not acknowledged, on this computer's disk. IndexedDB with strict durability and not localStorage:
// a browser writes the latter seconds late, so that killing it would lose what was done last.

const STORE = "edits";

// Null where this browser keeps nothing (some private windows).
export function openKeptEdits(key) {
  return new Promise((resolve) => {
    let request;
    try {
      request = indexedDB.open(`rigtrack-label-${key}`, 1);
    } catch {
      resolve(null);
      return;
    }
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(new KeptEdits(request.result));
    request.onerror = () => resolve(null);
    request.onblocked = () => resolve(null);
  });
}

class KeptEdits {
  constructor(database) {
    this.database = database;
  }

  // [[image, entry], ...]
  async all() {
    const store = this.database.transaction(STORE).objectStore(STORE);
    const [images, entries] = await Promise.all([answered(store.getAllKeys()), answered(store.getAll())]);
    return images.map((image, index) => [image, entries[index]]);
  }

  put(image, entry) {
    return this.#write((store) => store.put(entry, image));
  }

  remove(image) {
    return this.#write((store) => store.delete(image));
  }

  #write(change) {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(STORE, "readwrite", { durability: "strict" });
      transaction.oncomplete = () => resolve();
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
      change(transaction.objectStore(STORE));
    });
  }
}

function answered(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
