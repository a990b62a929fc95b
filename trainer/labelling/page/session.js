// Where the annotator is, and every edit that can be made there. Tells "change" after each; "frame" when another is shown.

import { History } from "./history.js";
import { HIDDEN, canonical, emptyLabel, nextMissing, placeOf, sameLabel, stateOf, withPoint, withTag } from "./label_model.js";

export const LEAST_CONFIDENCE = 0.1; // predicted points below are neither shown nor accepted
const SAME_PX = 1e-6;

export class Session extends EventTarget {
  index = 0;
  animal = 0;
  point = 0; // the current key point
  chosen = false; // by hand: a click then places it again even if it is labelled
  ready = false; // whether the frame's picture is shown: nothing is labelled unseen
  prediction = null; // [{name: [x, y, confidence]}] of this frame
  offered = true; // whether the prediction is shown
  notice = null;

  constructor(project, outbox) {
    super();
    this.project = project;
    this.frames = project.frames;
    this.outbox = outbox;
    this.history = new History();
    outbox.addEventListener("change", () => this.say("saving"));
    outbox.addEventListener("revision", ({ detail }) => (this.#frameOf(detail.image).revision = detail.revision));
    outbox.addEventListener("conflict", ({ detail }) => this.#takeNewer(detail));
  }

  get frame() {
    return this.frames[this.index];
  }

  get label() {
    return this.frame.label ?? emptyLabel();
  }

  get name() {
    return this.project.point_names[this.point];
  }

  get place() {
    return placeOf(this.label, this.animal, this.name);
  }

  say(what) {
    this.dispatchEvent(new Event(what));
  }

  // --- where ---

  goTo(index) {
    if (index < 0 || index >= this.frames.length || (index === this.index && this.ready)) return;
    this.index = index;
    this.ready = false;
    this.prediction = null;
    this.notice = null;
    this.#startAtMissing();
    this.say("frame");
    this.say("change");
  }

  step(by) {
    this.goTo(Math.min(Math.max(this.index + by, 0), this.frames.length - 1));
  }

  nextUnlabelled() {
    for (let offset = 1; offset < this.frames.length; offset++) {
      const index = (this.index + offset) % this.frames.length;
      if (["untouched", "begun"].includes(stateOf(this.frames[index].label, this.project))) return this.goTo(index);
    }
    this.tell("No other frame is left to label.");
  }

  choosePoint(point) {
    if (point >= this.project.point_names.length) return;
    this.point = point;
    this.chosen = true;
    this.say("change");
  }

  stepPoint(by) {
    const count = this.project.point_names.length;
    this.choosePoint((this.point + by + count) % count);
  }

  chooseAnimal(animal) {
    this.animal = (animal + this.project.animals) % this.project.animals;
    const missing = this.project.point_names.findIndex((name) => placeOf(this.label, this.animal, name) === undefined);
    this.point = Math.max(missing, 0);
    this.chosen = false;
    this.say("change");
  }

  select(animal, point) {
    this.animal = animal;
    this.point = point;
    this.chosen = false;
    this.say("change");
  }

  // --- edits ---

  // Put the current point at (x, y) and go on to the next that is not labelled.
  placeCurrent(place) {
    if (this.place !== undefined && !this.chosen) {
      const all = this.project.animals > 1 ? "Every point of this animal and those after it" : "Every point";
      return this.tell(`${all} is labelled: n goes to the next frame; a digit or Tab chooses a point to place again; points can be dragged.`);
    }
    this.#edit(withPoint(this.label, this.animal, this.name, place));
    this.#goOn();
  }

  move(animal, point, place) {
    this.#edit(withPoint(this.label, animal, this.project.point_names[point], place));
  }

  nudge(dx, dy, clamp) {
    if (!Array.isArray(this.place)) return this.tell(`${this.name} is not placed: there is nothing to nudge.`);
    const place = clamp([this.place[0] + dx, this.place[1] + dy]);
    this.#edit(withPoint(this.label, this.animal, this.name, place), `nudge ${this.animal} ${this.point}`);
  }

  clear() {
    this.#edit(withPoint(this.label, this.animal, this.name, undefined));
  }

  hide() {
    this.#edit(withPoint(this.label, this.animal, this.name, HIDDEN));
    this.#goOn();
  }

  exclude() {
    this.#edit({ ...this.label, excluded: !this.label.excluded });
  }

  toggleTag(number) {
    const tag = this.project.tags[number];
    if (tag) this.#edit(withTag(this.label, tag, this.project));
  }

  undo() {
    this.#step(this.history.undo(this.frame.image, this.frame.label), "There is nothing to undo in this frame.");
  }

  redo() {
    this.#step(this.history.redo(this.frame.image, this.frame.label), "There is nothing to do again in this frame.");
  }

  // --- predictions ---

  // [{animal, name, x, y, confidence}] that can still be accepted.
  offers() {
    if (!this.offered || !this.prediction) return [];
    return this.prediction.flatMap((points, animal) =>
      Object.entries(points)
        .filter(([name, [x, y, confidence]]) => confidence >= LEAST_CONFIDENCE && !this.#isTaken(animal, name, [x, y]))
        .map(([name, [x, y, confidence]]) => ({ animal, name, x, y, confidence })),
    );
  }

  accept(offer) {
    const animal = this.project.animals > 1 ? this.animal : 0;
    this.#edit(withPoint(this.label, animal, offer.name, [offer.x, offer.y]));
    this.#goOn();
  }

  // Every offer, as one step. What was placed or hidden by hand stays.
  acceptAll() {
    const offers = this.offers();
    if (!offers.length) return this.tell(this.project.bundle ? "There is no prediction to accept here." : "No --bundle was given, so there are no predictions.");
    let label = this.label;
    const slots = new Map();
    for (const { animal, name, x, y } of offers) {
      if (!slots.has(animal)) slots.set(animal, this.#slotFor(animal, label));
      const slot = slots.get(animal);
      if (slot >= 0 && placeOf(label, slot, name) === undefined) label = withPoint(label, slot, name, [x, y]);
    }
    this.#edit(label);
    this.#startAtMissing();
    this.say("change");
  }

  // --- inside ---

  tell(sentence) {
    this.notice = sentence;
    this.say("change");
  }

  // Which labelled animal a predicted one is: the one that has a point of it, or the first that has none at all.
  #slotFor(predicted, label) {
    if (this.project.animals === 1) return 0;
    const points = Object.entries(this.prediction[predicted]);
    const animals = [...Array(this.project.animals).keys()];
    const owner = animals.find((animal) => points.some(([name, place]) => same(placeOf(label, animal, name), place)));
    return owner ?? animals.find((animal) => !Object.keys(label.animals[animal] ?? {}).length) ?? -1;
  }

  #isTaken(animal, name, place) {
    if (this.project.animals === 1) return placeOf(this.label, 0, name) !== undefined;
    return this.label.animals.some((points) => same(points[name], place));
  }

  #goOn() {
    const missing = nextMissing(this.label, this.animal, this.point, this.project);
    if (missing) [this.animal, this.point] = [missing.animal, missing.point];
    this.chosen = false;
    this.say("change");
  }

  #startAtMissing() {
    const missing = nextMissing(this.label, 0, -1, this.project);
    [this.animal, this.point, this.chosen] = [missing?.animal ?? 0, missing?.point ?? 0, false];
  }

  #edit(label, merge = null) {
    if (!this.ready) return;
    const before = this.frame.label;
    const after = canonical(label, this.project);
    if (sameLabel(before, after, this.project)) return;
    this.history.remember(this.frame.image, before, merge);
    this.#set(after);
  }

  #step(label, otherwise) {
    if (label === undefined) this.tell(otherwise);
    else this.#set(label);
  }

  #set(label) {
    this.notice = null;
    this.frame.label = label;
    this.outbox.put(this.frame.image, this.frame.revision, label);
    this.say("change");
  }

  #takeNewer({ image, lost, label }) {
    const frame = this.#frameOf(image);
    this.history.remember(image, lost);
    frame.label = label;
    this.tell(
      `${frame.video}, frame ${frame.frame}, was changed elsewhere in the meantime; its newer labels are shown. ` +
        "Ctrl+Z in that frame brings yours back.",
    );
  }

  #frameOf(image) {
    return this.frames.find((frame) => frame.image === image);
  }
}

function same(place, [x, y]) {
  return Array.isArray(place) && Math.abs(place[0] - x) < SAME_PX && Math.abs(place[1] - y) < SAME_PX;
}
