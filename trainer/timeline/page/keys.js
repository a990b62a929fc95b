// Every key in one table: what it does, and what the help says of it.

import { MARKS } from "./bout_model.js";
import { nextBout, nextDifference, nextEdge, nextOpen } from "./jumps.js";
import { SPEEDS } from "./workplace.js";

const AROUND_S = 1; // played before and after a bout

export const HELP = [
  ["1 … 9  0", "start a behaviour at this frame; the same key stops it: the frame shown is the first without it. With Shift: the eleventh and on"],
  ["x", "start, stop: uncuratable, nobody can tell anything here"],
  ["d", "start, stop: to decide, somebody must look again"],
  ["j", "judged up to here, from the first frame on: where no bout is, there was no behaviour. Hatched is what nobody has judged"],
  ["Shift+j", "not judged before this frame; bouts stay"],
  ["Esc", "forget a behaviour that was started; choose nothing"],
  ["Space", "play, stop"],
  ["+  −", "faster, slower"],
  ["←  →", "one frame back, on"],
  ["Shift+arrow", "ten frames"],
  ["Ctrl+arrow", "a long step, of as many frames as is set beside the speed"],
  ["Home  End", "first, last frame"],
  ["n  p", "next, previous bout; it is chosen"],
  [".  ,", "next, previous frame at which a bout begins or ends"],
  ["u", "next frames that are not judged"],
  ["g", "next frames of which another annotator says something else"],
  ["q", "play the chosen bout or the offer, with a second before and after"],
  ["s  e", "the chosen bout, or the offer, starts at this frame; ends before this frame"],
  ["drag an edge", "move it; the picture shows the frame at the edge"],
  ["Delete", "delete the chosen bout: its frames are “no”"],
  ["c 1 … c 9", "the chosen bout is of another class"],
  ["Shift+x  Shift+d", "the chosen bout is uncuratable, is to decide; again: it is yes"],
  ["w", "the most uncertain bout of the models that is not decided yet, all videos in turn"],
  ["a  r", "accept the offer as it is drawn, reject it; then comes the next"],
  ["click", "on the timeline: go there, choose a bout; on somebody's bout: it can be accepted"],
  ["Ctrl+Z  Ctrl+Shift+Z", "undo, redo; goes back to where it was done"],
  ["wheel, ↑  ↓", "zoom the timeline; with Shift or sideways: move it"],
  ["f", "the whole video on the timeline; the whole picture"],
  ["o", "show or hide the poses"],
  ["PageUp  PageDown", "previous, next video"],
  ["?", "these keys"],
];

export class Keys {
  #awaitsClass = false;
  #waiting = []; // what was pressed while a frame that is edited was not shown yet

  // parts: place, player, view, mouse, stage, help, showPalette
  constructor(parts) {
    Object.assign(this, parts);
    addEventListener("keydown", (event) => this.#down(event));
    this.place.addEventListener("shown", () => this.#goOn());
  }

  #down(event) {
    if (event.target.matches("input, select") && event.key !== "Escape") return;
    if (event.key === "?" || event.key === "Escape") return this.#special(event);
    if (this.help.open || event.isComposing || this.mouse.busy) return;
    if (this.#awaitsClass && !["Control", "Shift", "Alt", "Meta"].includes(event.key)) return this.#toClass(event);
    const found = this.#actionFor(event);
    if (!found) return;
    event.preventDefault();
    if (!(event.repeat && found.edits)) this.run(found);
  }

  // Nothing is labelled unseen: an edit waits for its frame's picture, and what is pressed after it waits behind it.
  run({ action, edits = false }) {
    if (edits && this.place.failed) return this.place.tell(this.place.failed);
    if (!this.#waiting.length && (!edits || this.place.ready)) return action();
    this.#waiting.push({ action, edits });
    this.#count();
  }

  #goOn() {
    while (this.#waiting.length && (this.place.ready || !this.#waiting[0].edits)) this.#waiting.shift().action();
    this.#count();
  }

  // What was pressed for a frame that cannot be shown is forgotten.
  forget() {
    this.#waiting = [];
    this.#count();
  }

  #count() {
    this.place.pressed = this.#waiting.length;
    this.place.say("saving");
  }

  #special(event) {
    event.preventDefault();
    if (event.target.matches("input, select")) return event.target.blur();
    const { place, help } = this;
    const awaited = this.#awaitsClass;
    this.#await(false);
    if (help.open) help.close();
    else if (event.key === "?") help.showModal();
    else if (!awaited) this.run({ action: () => place.forgetStarted() || place.choose(null) });
  }

  #await(waits) {
    this.#awaitsClass = waits;
    this.showPalette(waits);
  }

  #toClass(event) {
    event.preventDefault();
    this.#await(false);
    const name = this.#classOf(event);
    if (name) this.run({ action: () => this.place.changeClass(name), edits: true });
  }

  // By the key and not by its letter, which Shift changes.
  #classOf(event) {
    const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1] ?? (/^[0-9]$/.test(event.key) ? event.key : null);
    if (digit === null) return null;
    return this.place.project.class_names[((Number(digit) + 9) % 10) + (event.shiftKey ? 10 : 0)] ?? null;
  }

  #actionFor(event) {
    const { place } = this;
    const command = event.ctrlKey || event.metaKey;
    if (event.altKey && !event.getModifierState("AltGraph")) return null;
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (direction) return { action: () => place.step(direction * (command ? place.stride : event.shiftKey ? 10 : 1)) };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (command) return this.#commands(event)[key];
    const name = this.#classOf(event);
    if (name) return edit(() => place.switch(name));
    return this.#edits(event)[key] ?? this.#moves(event)[key];
  }

  #commands(event) {
    const { place } = this;
    return { z: { action: () => (event.shiftKey ? place.redo() : place.undo()) }, y: { action: () => place.redo() } };
  }

  #edits({ shiftKey }) {
    const { place } = this;
    return {
      x: edit(() => (shiftKey ? place.mark(MARKS[0]) : place.switch(MARKS[0]))),
      d: edit(() => (shiftKey ? place.mark(MARKS[1]) : place.switch(MARKS[1]))),
      j: edit(() => (shiftKey ? place.unjudgeBefore() : place.judgeUpToHere())),
      s: edit(() => place.setEdge("first")),
      e: edit(() => place.setEdge("end")),
      a: edit(() => place.accept()),
      r: edit(() => place.reject()),
      Delete: edit(() => place.deleteChosen()),
      Backspace: edit(() => place.deleteChosen()),
    };
  }

  #moves() {
    const { place, player, view, stage } = this;
    const moves = {
      " ": () => player.toggle(),
      "+": () => this.speed(1),
      "=": () => this.speed(1),
      "-": () => this.speed(-1),
      Home: () => place.goTo(0),
      End: () => place.goTo(place.video.frames - 1),
      n: () => place.jump(nextBout(place, 1)),
      p: () => place.jump(nextBout(place, -1)),
      ".": () => place.jump(nextEdge(place, 1)),
      ",": () => place.jump(nextEdge(place, -1)),
      u: () => place.jump(nextOpen(place)),
      g: () => place.jump(nextDifference(place)),
      w: () => place.nextOffer(),
      q: () => this.playChosen(),
      c: () => (place.chosen ? this.#await(true) : place.tell("Choose a bout first: click on it, or n and p.")),
      ArrowUp: () => view.zoom(1),
      ArrowDown: () => view.zoom(-1),
      f: () => [view.fit(), stage.fit()],
      o: () => this.togglePoses(),
      PageUp: () => place.goToVideo(place.index - 1),
      PageDown: () => place.goToVideo(place.index + 1),
    };
    return Object.fromEntries(Object.entries(moves).map(([key, action]) => [key, { action }]));
  }

  speed(direction) {
    const { place } = this;
    const at = SPEEDS.indexOf(place.speed) + direction;
    place.speed = SPEEDS[Math.min(Math.max(at, 0), SPEEDS.length - 1)];
    place.say("change");
  }

  playChosen() {
    const { place, player } = this;
    const bout = place.offer ?? place.chosen;
    if (!bout) return place.tell("Choose a bout first: click on it, or n and p.");
    const around = Math.round(AROUND_S * place.video.fps);
    player.playSpan(Math.max(0, bout.first - around), bout.end + around);
  }

  togglePoses() {
    this.stage.posesShown = !this.stage.posesShown;
    this.stage.draw();
  }
}

function edit(action) {
  return { action, edits: true };
}
