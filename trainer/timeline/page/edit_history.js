// Undo and redo over all videos, in the order in which edits were made. A step knows where it was made.

export class EditHistory {
  #past = [];
  #future = [];

  // step: {video, before, after, place}
  remember(step) {
    this.#past.push(step);
    this.#future = [];
  }

  // The step to take back or to make again, or undefined where there is none.
  undo() {
    return move(this.#past, this.#future);
  }

  redo() {
    return move(this.#future, this.#past);
  }
}

function move(from, to) {
  const step = from.pop();
  if (step) to.push(step);
  return step;
}
