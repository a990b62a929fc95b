// What stands beside one's own labels: other people's bouts, models' bouts and probabilities, and how far people agree.

import { fromWire } from "./bout_model.js";
import { asked } from "./pictures.js";

const AGAIN_MS = 5000; // how soon agreement is asked for again

export class Beside {
  agreement = null; // [{name, here, all}] of the video that is open, null where nobody else has labelled
  #asked = 0;

  constructor(place) {
    this.place = place;
    place.addEventListener("video", () => this.load());
    addEventListener("focus", () => this.load());
  }

  // The video's people and models; what others save meanwhile is seen when the window is come back to.
  async load() {
    const { place } = this;
    const { video } = place;
    try {
      const { people, models } = await (await asked(`/api/beside?video=${encodeURIComponent(video.name)}`)).json();
      if (place.video !== video) return;
      place.people = people.map(({ name, label }) => ({ name, labels: fromWire(label) }));
      place.models = models.map((model) => ({ ...model, probabilities: columns(model, video.frames) }));
      place.say("beside");
    } catch (problem) {
      place.tell(problem.message);
    }
    this.compare({ again: true });
  }

  async compare({ again = false } = {}) {
    const { place } = this;
    const { video } = place;
    if (!place.people.length) {
      this.agreement = null;
      return place.say("agreement");
    }
    if (!again && performance.now() - this.#asked < AGAIN_MS) return;
    this.#asked = performance.now();
    try {
      const found = await (await asked(`/api/agreement?video=${encodeURIComponent(video.name)}`)).json();
      if (place.video !== video) return;
      this.agreement = found;
      place.say("agreement");
    } catch {
      return; // the page says that the server does not answer when it saves
    }
  }
}

// {class: Uint8Array of its frames}, from base64 of (classes, frames).
function columns({ class_names, probabilities }, frames) {
  const bytes = Uint8Array.from(atob(probabilities), (letter) => letter.charCodeAt(0));
  return Object.fromEntries(class_names.map((name, place) => [name, bytes.subarray(place * frames, (place + 1) * frames)]));
}
