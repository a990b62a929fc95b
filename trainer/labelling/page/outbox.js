// Every edit on its way to the server: kept on disk first, then sent, and sent again until it is acknowledged.
//
// What is edited has a key: the image of a frame, the name of a video. An entry is {base, labels}: the revision that the first label was made on, and one or two labels to be sent in order. The first
// may have reached the server already without its acknowledgement reaching us, so it is never replaced by a later one.

import { command } from "./pictures.js";

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 3000;
const PATIENCE_MS = 10000;

export class Outbox extends EventTarget {
  #entries = new Map();
  #kept;
  #same;
  #bodyOf;
  #sending = false;
  #unkept = 0; // edits that this browser is still writing to its own disk
  #retryMs = FIRST_RETRY_MS;
  problem = null; // why the last attempt failed, in one sentence

  // kept: KeptEdits or null; same(label, label): whether two say the same; bodyOf(key, revision, label): what is sent to /api/label.
  constructor(kept, { same, bodyOf }) {
    super();
    [this.#kept, this.#same, this.#bodyOf] = [kept, same, bodyOf];
  }

  get waiting() {
    return this.#entries.size;
  }

  // Whether what is waiting would survive the death of this browser.
  get isKept() {
    return this.#kept !== null && this.#unkept === 0;
  }

  has(key) {
    return this.#entries.has(key);
  }

  // What an earlier page could not send. `there` holds {revision, label} by key, as the server has them. Calls found(key, label) for
  // each label that is not on the server yet.
  async takeUp(there, found) {
    for (const [key, { base, labels }] of (await this.#kept?.all()) ?? []) {
      const held = there.get(key);
      if (!held) continue; // it is not in the project any more; it stays kept, in case it comes back
      const entry = { base, labels, refused: null };
      if (held.revision !== base) this.#reconcile(entry, held);
      if (!entry.labels.length) {
        await this.#kept.remove(key);
        continue;
      }
      this.#entries.set(key, entry);
      found(key, entry.labels.at(-1));
    }
    this.#send();
  }

  async put(key, base, label) {
    const entry = this.#entries.get(key) ?? { base, labels: [], refused: null };
    entry.labels = entry.refused ? [label] : [...entry.labels.slice(0, 1), label];
    entry.refused = null;
    this.#entries.set(key, entry);
    this.#unkept++;
    this.#say("change");
    await this.#keep(key, entry);
    this.#unkept--;
    this.#say("change");
    this.#send();
  }

  async #keep(key, entry) {
    try {
      if (entry.labels.length) await this.#kept?.put(key, { base: entry.base, labels: entry.labels });
      else await this.#kept?.remove(key);
    } catch {
      this.#kept = null; // a full disk: edits are still sent, and the page says that it keeps nothing
    }
  }

  async #send() {
    if (this.#sending) return;
    this.#sending = true;
    for (let next; (next = this.#next()); ) {
      if (!(await this.#sendOne(...next))) {
        this.#say("change");
        await new Promise((resolve) => setTimeout(resolve, this.#retryMs));
        this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
      }
    }
    this.#sending = false;
    this.#say("change");
  }

  #next() {
    return [...this.#entries].find(([, entry]) => !entry.refused);
  }

  // Whether the server gave an answer to go on with.
  async #sendOne(key, entry) {
    let response, answer;
    try {
      const body = JSON.stringify(this.#bodyOf(key, entry.base, entry.labels[0]));
      response = await fetch("/api/label", { method: "PUT", body, signal: AbortSignal.timeout(PATIENCE_MS) });
      answer = await response.json();
    } catch {
      this.problem = `start \`${command()}\` again, it does not answer`;
      return false;
    }
    if (response.ok || response.status === 409) await this.#answered(key, entry, answer, response.ok);
    else if (response.status === 400 || response.status === 413) entry.refused = answer.message;
    else {
      this.problem = answer.message;
      return false;
    }
    this.problem = null;
    this.#retryMs = FIRST_RETRY_MS;
    return true;
  }

  async #answered(key, entry, answer, saved) {
    const lost = entry.labels.at(-1);
    if (saved) {
      entry.base = answer.revision;
      entry.labels.shift();
    } else if (!this.#reconcile(entry, answer)) {
      entry.labels = [];
      this.#say("conflict", { key, lost, ...answer });
    }
    this.#say("revision", { key, revision: answer.revision });
    if (!entry.labels.length) this.#entries.delete(key);
    await this.#keep(key, entry);
  }

  // The server may hold one of our own labels, sent by a page that was killed before it heard so. Then go on after that one.
  #reconcile(entry, { revision, label }) {
    const held = entry.labels.findLastIndex((mine) => this.#same(mine, label));
    if (held < 0) return false;
    entry.base = revision;
    entry.labels = entry.labels.slice(held + 1);
    return true;
  }

  refusal() {
    return [...this.#entries.values()].find((entry) => entry.refused)?.refused ?? null;
  }

  #say(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
}
