// Where the annotator is, and every edit that can be made there. Tells "change" after each; "frame" when another is shown.

import { History } from "./history.js";
import { HIDDEN, canonical, changedPoint, emptyLabel, forgetStates, nextMissing, placeOf, sameLabel } from "./label_model.js";
import { withPoint, withRestHidden, withSidesSwapped, withTag } from "./label_model.js";
import { isTaken, offersOf, withOffers } from "./offers.js";
import { nextToLabel } from "./todo.js";

export class Session extends EventTarget {
  index = 0;
  animal = 0;
  point = 0; // the current key point
  chosen = false; // by hand: a click then places it again even if it is labelled
  ready = false; // whether the frame's picture is shown: nothing is labelled unseen
  prediction = null; // [{name: [x, y, confidence]}] of this frame
  offered = true; // whether the prediction is shown
  accepting = 0.8; // the confidence from which on "accept all" takes a point
  scrubbed = null; // number of the video frame that is looked at instead of the frame, null for none
  keepView = false; // whether the next frame is shown where the video frame before it was
  jumped = null; // {image, text}: why the frame was jumped to
  notice = null;
  #indices = new Map();

  constructor(project, outbox) {
    super();
    this.project = project;
    this.frames = project.frames;
    this.#number();
    this.outbox = outbox;
    this.history = new History();
    outbox.addEventListener("change", () => this.say("saving"));
    outbox.addEventListener("revision", ({ detail }) => (this.frames[this.indexOf(detail.key)].revision = detail.revision));
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
    this.keepView = this.scrubbed !== null && this.frames[index].group === this.frame.group;
    this.index = index;
    this.ready = false;
    this.scrubbed = null;
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
    const { index, sentence } = nextToLabel(this.frames, this.index, this.project);
    if (sentence) this.tell(sentence);
    else this.goTo(index);
  }

  // Look at another frame of the video; null for the frame itself again.
  scrubTo(number) {
    if (number === null) {
      this.ready = false;
      return this.goTo(this.index);
    }
    [this.scrubbed, this.ready, this.notice] = [number, false, null];
    this.say("change");
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
    if (!this.#mayEdit()) return;
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
    if (!this.#mayEdit()) return;
    this.#edit(withPoint(this.label, this.animal, this.name, HIDDEN));
    this.#goOn();
  }

  hideRest() {
    if (!this.#mayEdit()) return;
    this.#edit(withRestHidden(this.label, this.animal, this.project));
    this.#goOn();
  }

  swapSides() {
    if (!this.project.pairs.length) return this.tell("No point is known as left or right of another: m names pairs.");
    this.#edit(withSidesSwapped(this.label, this.animal, this.project));
  }

  decideLater() {
    this.#edit({ ...this.label, to_decide: !this.label.to_decide });
  }

  exclude() {
    this.#edit({ ...this.label, excluded: !this.label.excluded });
  }

  toggleTag(number) {
    const tag = this.project.tags[number];
    if (tag) this.#edit(withTag(this.label, tag, this.project));
  }

  undo() {
    if (this.#mayEdit()) this.#step(this.history.undo(this.frame.image, this.frame.label), "There is nothing to undo in this frame.");
  }

  redo() {
    if (this.#mayEdit()) this.#step(this.history.redo(this.frame.image, this.frame.label), "There is nothing to do again in this frame.");
  }

  // --- the project grows ---

  // A frame that the server has added; the list stays in the order of videos and numbers.
  addFrame(entry) {
    const here = this.frame;
    const later = this.frames.findIndex(({ group, frame }) => group === entry.group && frame > entry.frame);
    const last = this.frames.findLastIndex(({ group }) => group === entry.group);
    this.frames.splice(later >= 0 ? later : last + 1, 0, entry);
    this.#number();
    this.index = this.indexOf(here.image);
    this.say("frames");
    this.goTo(this.indexOf(entry.image));
  }

  addNames(names) {
    Object.assign(this.project, names);
    forgetStates();
    this.#startAtMissing();
    this.say("frames");
    this.say("change");
  }

  indexOf(image) {
    return this.#indices.get(image) ?? -1;
  }

  // --- predictions ---

  // [{animal, name, x, y, confidence}] that can still be accepted.
  offers() {
    if (!this.offered || !this.prediction || this.scrubbed !== null) return [];
    return offersOf(this.prediction).filter((offer) => !isTaken(this.label, offer, this.project));
  }

  accept(offer) {
    const animal = this.project.animals > 1 ? this.animal : 0;
    this.#edit(withPoint(this.label, animal, offer.name, [offer.x, offer.y]));
    this.#goOn();
  }

  // Every offer from the threshold on, or really every one, as one step. What was placed or hidden by hand stays.
  acceptAll(least = this.accepting) {
    const offers = this.offers();
    if (!offers.length) return this.tell(this.project.bundle ? "There is no prediction to accept here." : "No --bundle was given, so there are no predictions.");
    const sure = offers.filter(({ confidence }) => confidence >= least);
    const left = offers.length - sure.length;
    this.#edit(withOffers(this.label, sure, this.prediction, this.project));
    this.#startAtMissing();
    this.say("change");
    if (left) this.tell(`${left} of ${offers.length} predicted points are below ${Math.round(least * 100)} % and were not accepted: click on a ring, or Shift+g.`);
  }

  // --- inside ---

  tell(sentence) {
    this.notice = sentence;
    this.say("change");
  }

  #number() {
    this.#indices = new Map(this.frames.map((frame, index) => [frame.image, index]));
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

  // Nothing is labelled unseen, nor on a frame that is not in the project.
  #mayEdit() {
    if (this.scrubbed !== null) this.tell("This frame of the video is only looked at: i adds it to the project, k goes back.");
    return this.ready;
  }

  #edit(label, merge = null) {
    if (!this.#mayEdit()) return;
    const before = this.frame.label;
    const after = canonical(label, this.project);
    if (sameLabel(before, after, this.project)) return;
    this.history.remember(this.frame.image, before, merge);
    this.#set(after);
  }

  #step(label, otherwise) {
    if (label === undefined) return this.tell(otherwise);
    const changed = changedPoint(this.label, label, this.project);
    if (changed) [this.animal, this.point, this.chosen] = [changed.animal, changed.point, true];
    this.#set(label);
  }

  #set(label) {
    this.notice = null;
    this.frame.label = label;
    this.outbox.put(this.frame.image, this.frame.revision, label);
    this.say("change");
  }

  #takeNewer({ key, lost, label }) {
    const frame = this.frames[this.indexOf(key)];
    this.history.remember(key, lost);
    frame.label = label;
    this.tell(
      `${frame.video}, frame ${frame.frame}, was changed elsewhere in the meantime; its newer labels are shown. ` +
        "Ctrl+Z in that frame brings yours back.",
    );
  }
}
