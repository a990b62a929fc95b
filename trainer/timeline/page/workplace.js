// Where the annotator is: video, frame, chosen bout, offer; and every edit that can be made there. Tells "change" after each, "frame"
// when another frame is to be shown, "video" when another video is.

import { MARKS, boutAt, emptyLabels, fromWire, sameBout, subtracted, toWire, union } from "./bout_model.js";
import { withBout, withJudged, withReplaced, withUnjudged, withoutBout, withoutStart } from "./bout_model.js";
import { EditHistory } from "./edit_history.js";
import { offerAfter, openOffers } from "./open_offers.js";
import { switched } from "./switched.js";

export const SPEEDS = [0.125, 0.25, 0.5, 1, 2, 4, 8, 16];

export class Workplace extends EventTarget {
  index = 0; // of the video
  frame = 0;
  ready = false; // whether the frame is shown: nothing is labelled unseen
  pressed = 0; // keys that wait until it is
  failed = null; // why it cannot be shown
  chosen = null; // a bout of one's own
  offer = null; // {name, first, end, from, ...}: somebody else's bout that can be accepted
  speed = 1;
  stride = 30; // frames of a long step
  notice = null;
  people = []; // others' labels of this video: [{name, labels}]
  models = []; // [{name, class_names, bouts, probabilities: {class: Uint8Array}}]
  #history = new EditHistory();
  #open = null; // offers that are not decided; null where that is not known any more

  constructor(project, outbox) {
    super();
    this.project = project;
    this.videos = project.videos.map((video) => ({ ...video, labels: fromWire(video.label) }));
    this.outbox = outbox;
    this.stride = Math.max(2, Math.round(this.video.fps));
    outbox.addEventListener("change", () => this.say("saving"));
    outbox.addEventListener("revision", ({ detail }) => (this.named(detail.key).revision = detail.revision));
    outbox.addEventListener("conflict", ({ detail }) => this.#takeNewer(detail));
  }

  get video() {
    return this.videos[this.index];
  }

  get labels() {
    return this.video.labels;
  }

  get rules() {
    return { classNames: this.project.class_names, exclusive: this.project.exclusive, lastFrame: this.video.frames - 1 };
  }

  // Everything that a bout can be of: the classes, and the two marks that go for all of them.
  get names() {
    return [...this.project.class_names, ...MARKS];
  }

  named(name) {
    return this.videos.find((video) => video.name === name);
  }

  say(what) {
    this.dispatchEvent(new Event(what));
  }

  tell(sentence) {
    this.notice = sentence;
    this.say("change");
  }

  // --- where ---

  goToVideo(index, frame = null) {
    if (index < 0 || index >= this.videos.length) return;
    this.video.left = this.frame;
    const other = index !== this.index;
    this.index = index;
    if (other) [this.chosen, this.offer, this.people, this.models] = [null, null, [], []];
    if (other) this.say("video");
    this.goTo(frame ?? this.video.left ?? 0, { always: true });
  }

  goTo(frame, { always = false } = {}) {
    const within = Math.min(Math.max(Math.round(frame), 0), this.video.frames - 1);
    if (within === this.frame && !always) return;
    [this.frame, this.ready, this.failed, this.notice] = [within, false, null, null];
    this.say("frame");
    this.say("change");
  }

  step(by) {
    this.goTo(this.frame + by);
  }

  // A frame that is on the screen already, while the video plays.
  showNext(frame) {
    [this.frame, this.ready] = [frame, true];
    this.say("played");
  }

  choose(bout) {
    this.chosen = bout;
    this.offer = null;
    this.say("change");
  }

  // Where one of jumps.js leads: {frame, chosen, notice}, each only where there is one.
  jump({ frame, chosen, notice }) {
    if (frame !== undefined) this.goTo(frame);
    if (chosen) {
      this.choose(chosen);
      this.say("show");
    }
    if (notice) this.tell(notice);
  }

  // --- edits ---

  // Start or stop a class, or one of the marks, at this frame: the first frame that has it, or no longer has it.
  switch(name) {
    const { labels, chosen, notice } = switched(this.labels, name, this.frame, this.rules);
    if (labels) this.edit(labels);
    if (chosen) this.choose(chosen);
    if (notice) this.tell(notice);
  }

  forgetStarted() {
    const last = this.labels.started.at(-1);
    if (!last) return false;
    this.edit(withoutStart(this.labels, last.name));
    return true;
  }

  // Put an edge of the chosen bout, or of the offer, at this frame; at the video's last one, an end comes after it, or before it again.
  setEdge(edge) {
    const bout = this.offer ?? this.chosen;
    if (!bout) return this.tell("Choose a bout first: click on it, or n and p.");
    const { lastFrame } = this.rules;
    const after = edge === "end" && this.frame === lastFrame && bout.end !== lastFrame + 1;
    const moved = { ...bout, [edge]: after ? lastFrame + 1 : this.frame };
    if (moved.first >= moved.end) return this.tell(`That would leave no frame of ${bout.name}.`);
    if (!this.offer) return this.#replace(bout, moved);
    this.offer = { ...moved, as: bout.as ?? [bout.first, bout.end] };
    this.say("change");
  }

  moveEdge(bout, edge, to) {
    const moved = { ...bout, [edge]: to };
    if (moved.first < moved.end && !sameBout(bout, moved)) this.#replace(bout, moved);
  }

  deleteChosen() {
    if (!this.chosen) return this.tell("Choose a bout first: click on it, or n and p.");
    this.edit(withoutBout(this.labels, this.chosen));
    this.choose(null);
  }

  changeClass(name) {
    if (!this.chosen) return this.tell("Choose a bout first: click on it, or n and p.");
    this.#replace(this.chosen, { ...this.chosen, name, mark: "yes" });
  }

  // Say of the chosen bout that it is uncuratable or to decide, or take that back.
  mark(mark) {
    if (!this.chosen || MARKS.includes(this.chosen.name)) return this.tell("Choose a bout of a class first: click on it, or n and p.");
    this.#replace(this.chosen, { ...this.chosen, mark: this.chosen.mark === mark ? "yes" : mark });
  }

  // Everything up to this frame is as it is marked: where there is no bout, there is no behaviour.
  judgeUpToHere() {
    this.#judge(withJudged(this.labels, this.project.class_names, [0, this.frame + 1]), `Every frame up to ${this.frame} is judged now.`);
  }

  // Nobody has judged the frames before this one; bouts stay.
  unjudgeBefore() {
    this.#judge(withUnjudged(this.labels, this.project.class_names, [0, this.frame]), `Before frame ${this.frame}, only bouts are judged now.`);
  }

  #judge(labels, sentence) {
    const before = this.labels;
    this.edit(labels);
    this.tell(before === this.labels ? "That is so already." : `${sentence} Ctrl+Z takes that back.`);
  }

  #replace(bout, by) {
    this.edit(withReplaced(this.labels, bout, by, this.rules));
    this.choose(boutAt(this.labels, by.name, by.first));
  }

  // --- offers ---

  // Offers of all videos that are still open, in the order in which they should be looked at.
  openOffers() {
    this.#open ??= openOffers(this.project.offers, (video) => this.named(video).labels);
    return this.#open;
  }

  nextOffer() {
    const next = offerAfter(this.openOffers(), this.video.name, this.offer);
    if (!next) return this.tell(this.project.offers.length ? "Every bout that was offered is decided." : "No model was given: --predictions or --bundle offers its bouts.");
    this.takeUp(next);
  }

  takeUp(offer) {
    const index = this.videos.findIndex((video) => video.name === offer.video);
    if (index !== this.index) this.goToVideo(index, offer.first);
    else this.goTo(offer.first);
    [this.offer, this.chosen] = [{ from: "model", ...offer }, null];
    this.say("show");
    this.say("change");
  }

  // Yes as it is shown, with edges that were moved; then the next one.
  accept() {
    if (!this.offer) return this.tell("There is no offer: w goes to the most uncertain one; a click on somebody's bout offers that.");
    const { name, first, end, as } = this.offer;
    const painted = withBout(this.labels, { name, first, end }, this.rules);
    this.#decide(withJudged(painted, this.#decidedNames(name), as ?? [first, end]));
  }

  // Its frames are judged, and nothing is added; a class that is offered in the same frames too waits for its own decision.
  reject() {
    if (!this.offer) return this.tell("There is no offer: w goes to the most uncertain one; a click on somebody's bout offers that.");
    const { name, first, end, as } = this.offer;
    const span = as ?? [first, end];
    const others = this.openOffers().filter((one) => one.video === this.video.name && one.name !== name);
    const judged = this.#decidedNames(name).reduce((labels, each) => {
      const waiting = union(others.filter((one) => one.name === each).map((one) => [one.first, one.end]));
      return subtracted([span], waiting).reduce((rest, left) => withJudged(rest, [each], left), labels);
    }, this.labels);
    this.#decide(judged);
  }

  #decide(labels) {
    const { from } = this.offer;
    this.edit(labels);
    this.offer = null;
    if (from === "model" && this.openOffers().length) this.nextOffer();
    else this.say("change");
  }

  // With classes that exclude each other, a frame is one decision.
  #decidedNames(name) {
    return this.project.exclusive ? this.project.class_names : [name];
  }

  // --- inside ---

  edit(labels) {
    const { video } = this;
    const [before, after] = [video.labels, labels];
    if (JSON.stringify(this.#wire(before)) === JSON.stringify(this.#wire(after))) return;
    this.#history.remember({ video: video.name, before, after, place: { frame: this.frame, offer: this.offer, chosen: this.chosen } });
    this.#set(video, after);
  }

  undo() {
    const step = this.#history.undo();
    if (!step) return this.tell("There is nothing to undo.");
    this.#goBack(step, step.before);
    this.offer = step.place.offer;
    this.chosen = step.before.bouts.find((bout) => sameBout(bout, step.place.chosen)) ?? null;
    this.say("change");
  }

  redo() {
    const step = this.#history.redo();
    if (!step) return this.tell("There is nothing to do again.");
    this.#goBack(step, step.after);
    [this.offer, this.chosen] = [null, null];
    this.say("change");
  }

  #goBack({ video, place }, labels) {
    const index = this.videos.findIndex(({ name }) => name === video);
    if (index !== this.index) this.goToVideo(index, place.frame);
    else this.goTo(place.frame);
    this.#set(this.named(video), labels);
    this.say("show");
  }

  #set(video, labels) {
    [this.notice, this.#open] = [null, null];
    video.labels = labels;
    this.outbox.put(video.name, video.revision, this.#wire(labels));
    this.say("change");
  }

  #wire(labels) {
    return toWire(labels, this.project.class_names);
  }

  #takeNewer({ key, lost, label }) {
    const video = this.named(key);
    const newer = label ? fromWire(label) : emptyLabels();
    this.#history.remember({ video: key, before: fromWire(lost), after: newer, place: { frame: this.frame, offer: null, chosen: null } });
    video.labels = newer;
    [this.chosen, this.offer, this.#open] = [null, null, null];
    this.tell(`${video.title} was changed elsewhere in the meantime; its newer labels are shown. Ctrl+Z brings yours back.`);
  }
}
