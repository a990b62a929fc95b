// Every key in one table: what it does, and what the help says of it.

const NUDGE_PX = 0.25;
const COARSE_NUDGE_PX = 2;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export const HELP = [
  ["n  →", "next frame"],
  ["p  ←", "previous frame"],
  ["u", "next frame that is not labelled; in the end, those to decide"],
  ["Home  End", "first, last frame"],
  ["j  l", "the frame before, after this one in its video (with Shift: ten)"],
  ["i  k", "add the video frame that is shown to the project; go back to the labelled frame"],
  ["w", "the labelled frame that is farthest from what the bundle sees; again: the next"],
  ["Shift+w", "the frame without labels that the bundle is least sure of; again: the next"],
  ["1 … 9  0", "choose a key point; with Shift, those from the eleventh on"],
  ["s", "choose a key point by its name or number"],
  ["Tab  Shift+Tab", "next, previous key point"],
  ["a  Shift+a", "next, previous animal"],
  ["click", "place the current point and go on to the next that is not labelled"],
  ["Ctrl+click", "the same, close to another point or prediction"],
  ["drag", "move a point"],
  ["Shift+arrow", "nudge the current point by 0.25 px (with Ctrl too: by 2 px)"],
  ["h  Shift+h", "the current point is hidden in this frame; so is all that is not labelled of this animal"],
  ["y", "exchange left and right of this animal"],
  ["x  Delete", "the current point is not labelled"],
  ["e", "exclude the frame, or take it in again"],
  ["d", "the frame waits for a decision: not trained on until then"],
  ["t 1 … t 9", "set or remove a tag"],
  ["m", "add a key point, a line, a pair of sides or a tag to the project"],
  ["g", "accept the predicted points (dashed rings) from the threshold on; a click on a ring accepts one"],
  ["Shift+g", "accept every predicted point, however unsure"],
  ["o", "show or hide the prediction"],
  ["Ctrl+Z  Ctrl+Shift+Z", "undo, redo in this frame; the point that it was becomes the current one"],
  ["wheel", "zoom at the pointer"],
  ["Space+drag, middle button", "move the picture"],
  ["f", "fit the picture"],
  ["z", "keep the zoom from frame to frame, or fit each"],
  ["+  −", "brighter, darker"],
  [".  ,", "more, less contrast"],
  ["r", "brightness and contrast as they were"],
  ["?", "these keys"],
];

export class Keys {
  #awaitsTag = false;

  constructor(parts) {
    Object.assign(this, parts); // session, stage, filter, help, scrub, ranking, finder, adder, showPalette
    const { stage } = this;
    addEventListener("keydown", (event) => this.#down(event));
    addEventListener("keyup", (event) => this.#up(event));
    addEventListener("blur", () => (stage.spaceHeld = false));
  }

  #down(event) {
    const dialog = document.querySelector("dialog[open]");
    if (dialog && dialog !== this.help) return; // it has keys of its own
    if (event.key === "?" || event.key === "Escape") return this.#special(event);
    if (this.help.open || event.isComposing) return;
    if (event.key === " ") {
      this.stage.spaceHeld = true;
      this.stage.stage.classList.add("pannable");
      return event.preventDefault();
    }
    if (this.#awaitsTag && !["Control", "Shift", "Alt", "Meta"].includes(event.key)) return this.#tag(event);
    const action = this.#actionFor(event);
    if (!action) return;
    event.preventDefault();
    if (!this.stage.busy) action(); // in the middle of a drag, the hand on the mouse goes first
  }

  #up(event) {
    if (event.key !== " ") return;
    this.stage.spaceHeld = false;
    this.stage.stage.classList.remove("pannable");
  }

  #special(event) {
    event.preventDefault();
    this.#awaitTag(false);
    if (this.help.open) this.help.close();
    else if (event.key === "?") this.help.showModal();
    else this.scrub.leave();
  }

  #awaitTag(waits) {
    this.#awaitsTag = waits;
    this.showPalette(waits);
  }

  #tag(event) {
    event.preventDefault();
    this.#awaitTag(false);
    if (/^[1-9]$/.test(event.key)) this.session.toggleTag(Number(event.key) - 1);
    else if (event.key === "0") this.session.toggleTag(9);
  }

  #actionFor(event) {
    const command = event.ctrlKey || event.metaKey;
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) {
      const step = command ? COARSE_NUDGE_PX : NUDGE_PX;
      return () => this.session.nudge(arrow[0] * step, arrow[1] * step, (place) => this.stage.view.clamp(place));
    }
    if (event.altKey && !event.getModifierState("AltGraph")) return null;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (command && !event.getModifierState("AltGraph")) return this.#commands(event)[name] ?? null;
    if (/^[0-9]$/.test(name)) return () => this.session.choosePoint((Number(name) + 9) % 10);
    // by the key and not by its letter, which Shift changes; where digits need Shift (a French keyboard), s is left
    const digit = event.shiftKey && /^Digit([0-9])$/.exec(event.code)?.[1];
    if (digit) return () => this.session.choosePoint(10 + ((Number(digit) + 9) % 10));
    return this.#plain(event)[name] ?? this.#byVideoAndBundle(event)[name] ?? null;
  }

  #byVideoAndBundle(event) {
    const { session, scrub, ranking } = this;
    const far = event.shiftKey ? 10 : 1;
    return {
      j: () => scrub.step(-far),
      l: () => scrub.step(far),
      i: () => scrub.add(),
      k: () => scrub.leave(),
      w: () => ranking.next(event.shiftKey ? "uncertainty" : "error"),
      g: () => (event.shiftKey ? session.acceptAll(0) : session.acceptAll()),
      o: () => {
        session.offered = !session.offered;
        session.say("change");
      },
    };
  }

  #commands(event) {
    const { session } = this;
    return { z: () => (event.shiftKey ? session.redo() : session.undo()), y: () => session.redo() };
  }

  #plain(event) {
    const { session, stage, filter } = this;
    const last = session.frames.length - 1;
    return {
      n: () => session.step(1),
      ArrowRight: () => session.step(1),
      p: () => session.step(-1),
      ArrowLeft: () => session.step(-1),
      u: () => session.nextUnlabelled(),
      Home: () => session.goTo(0),
      End: () => session.goTo(last),
      Tab: () => session.stepPoint(event.shiftKey ? -1 : 1),
      a: () => session.chooseAnimal(session.animal + (event.shiftKey ? -1 : 1)),
      h: () => (event.shiftKey ? session.hideRest() : session.hide()),
      y: () => session.swapSides(),
      d: () => session.decideLater(),
      s: () => this.finder.open(),
      m: () => this.adder.open(),
      x: () => session.clear(),
      Delete: () => session.clear(),
      Backspace: () => session.clear(),
      e: () => session.exclude(),
      t: () => this.#awaitTag(session.project.tags.length > 0),
      f: () => stage.fit(),
      z: () => {
        stage.keepZoom = !stage.keepZoom;
        session.say("change");
      },
      "+": () => filter.step("brightness", 1),
      "=": () => filter.step("brightness", 1),
      "-": () => filter.step("brightness", -1),
      ".": () => filter.step("contrast", 1),
      ",": () => filter.step("contrast", -1),
      r: () => filter.reset(),
    };
  }
}
