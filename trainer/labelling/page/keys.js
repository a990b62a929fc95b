// Every key in one table: what it does, and what the help says of it.

const NUDGE_PX = 0.25;
const COARSE_NUDGE_PX = 2;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export const HELP = [
  ["n  →", "next frame"],
  ["p  ←", "previous frame"],
  ["u", "next frame that is not labelled"],
  ["Home  End", "first, last frame"],
  ["1 … 9  0", "choose a key point"],
  ["Tab  Shift+Tab", "next, previous key point"],
  ["a  Shift+a", "next, previous animal"],
  ["click", "place the current point and go on to the next that is not labelled"],
  ["Ctrl+click", "the same, close to another point or prediction"],
  ["drag", "move a point"],
  ["Shift+arrow", "nudge the current point by 0.25 px (with Ctrl too: by 2 px)"],
  ["h", "the current point is hidden in this frame"],
  ["x  Delete", "the current point is not labelled"],
  ["e", "exclude the frame, or take it in again"],
  ["t 1 … t 9", "set or remove a tag"],
  ["g", "accept every predicted point (dashed rings); a click on a ring accepts one"],
  ["o", "show or hide the prediction"],
  ["Ctrl+Z  Ctrl+Shift+Z", "undo, redo in this frame"],
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

  constructor({ session, stage, look, help, showPalette }) {
    Object.assign(this, { session, stage, look, help, showPalette });
    addEventListener("keydown", (event) => this.#down(event));
    addEventListener("keyup", (event) => this.#up(event));
    addEventListener("blur", () => (stage.spaceHeld = false));
  }

  #down(event) {
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
    return this.#plain(event)[name] ?? null;
  }

  #commands(event) {
    const { session } = this;
    return { z: () => (event.shiftKey ? session.redo() : session.undo()), y: () => session.redo() };
  }

  #plain(event) {
    const { session, stage, look } = this;
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
      h: () => session.hide(),
      x: () => session.clear(),
      Delete: () => session.clear(),
      Backspace: () => session.clear(),
      e: () => session.exclude(),
      t: () => this.#awaitTag(session.project.tags.length > 0),
      g: () => session.acceptAll(),
      o: () => {
        session.offered = !session.offered;
        session.say("change");
      },
      f: () => stage.fit(),
      z: () => {
        stage.keepZoom = !stage.keepZoom;
        session.say("change");
      },
      "+": () => look.step("brightness", 1),
      "=": () => look.step("brightness", 1),
      "-": () => look.step("brightness", -1),
      ".": () => look.step("contrast", 1),
      ",": () => look.step("contrast", -1),
      r: () => look.reset(),
    };
  }
}
