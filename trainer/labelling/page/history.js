// Undo and redo, for each frame on its own; they stay when the frame is left and come back to.

export class History {
  #frames = new Map();

  #of(image) {
    if (!this.#frames.has(image)) this.#frames.set(image, { past: [], future: [], merge: null });
    return this.#frames.get(image);
  }

  // Remember the label before an edit. Edits in a row with the same `merge` word are one step: a point nudged ten times.
  remember(image, before, merge = null) {
    const steps = this.#of(image);
    if (merge === null || merge !== steps.merge) steps.past.push(before);
    steps.merge = merge;
    steps.future = [];
  }

  undo(image, now) {
    return this.#move(image, now, "past", "future");
  }

  redo(image, now) {
    return this.#move(image, now, "future", "past");
  }

  // The label to go to, or undefined where there is none; labels may be null.
  #move(image, now, from, to) {
    const steps = this.#of(image);
    if (!steps[from].length) return undefined;
    steps[to].push(now);
    steps.merge = null;
    return steps[from].pop();
  }
}
