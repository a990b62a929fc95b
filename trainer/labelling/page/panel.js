// Everything around the picture: lists, progress, state of saving. Shows the session; a click there is an action of the session.

import { colourOf } from "./draw.js";
import { HIDDEN, absentPoints, countStates, placeOf, stateBut, stateOf } from "./label_model.js";

const MARKS = { untouched: "○", begun: "◐", labelled: "●", excluded: "⊘", undecided: "?" };
const WORDS = { untouched: "not labelled", begun: "begun", labelled: "labelled", excluded: "excluded", undecided: "to decide" };
const byId = (id) => document.getElementById(id);

// Videos of recorded sessions all have the same few names; the folder of their frames says of which session they are.
const videoName = (frame) => (frame.video.startsWith(frame.group) ? frame.video : frame.group);

export class Panel {
  #rows = [];
  #videos = new Map(); // group → {heading, count, bar}
  #shownIndex = -1;

  constructor(session, stage, ranking) {
    Object.assign(this, { session, stage, ranking });
    byId("title").textContent = `${session.project.name} · ${session.project.annotator}`;
    document.title = `${session.project.name} · ${session.project.annotator}`;
    this.listFrames();
    byId("animals-section").hidden = session.project.animals < 2;
    byId("prediction-section").hidden = !session.project.bundle;
    this.#listenToThreshold();
  }

  // One row a frame, made anew when frames are added; there may be thousands.
  listFrames() {
    const rows = document.createDocumentFragment();
    let group = null;
    [this.#rows, this.#shownIndex] = [[], -1];
    this.session.frames.forEach((frame, index) => {
      if (frame.group !== group) rows.append(this.#headingFor(frame, (group = frame.group)));
      const row = element("div", { className: "frame", title: `${frame.image}\n${frame.why}` });
      row.append(element("span", { className: "mark" }), element("span", { text: frame.frame }), element("span", { className: "row-tags" }));
      clickable(row, () => this.session.goTo(this.session.indexOf(frame.image)));
      this.#rows.push(row);
      rows.append(row);
      this.updateFrame(index);
    });
    byId("frames").replaceChildren(rows);
    for (const shown of this.#videos.keys()) this.#showVideo(shown);
    byId("tags-section").hidden = !this.session.project.tags.length;
  }

  #headingFor(frame, group) {
    const heading = element("h2", { title: frame.video });
    const count = element("span", { className: "video-count" });
    const bar = element("i");
    heading.append(element("span", { className: "name", text: videoName(frame) }), count, bar);
    this.#videos.set(group, { count, bar });
    return heading;
  }

  // Frames of one video that are done, of all of it.
  #showVideo(group) {
    const frames = this.session.frames.filter((frame) => frame.group === group);
    const counts = countStates(frames, this.session.project);
    const done = counts.labelled + counts.excluded;
    const { count, bar } = this.#videos.get(group);
    count.textContent = `${done}/${frames.length}`;
    count.title = `${counts.labelled} labelled, ${counts.excluded} excluded, ${counts.undecided} to decide, ${counts.begun} begun, ${counts.untouched} not labelled`;
    bar.style.width = `${(100 * done) / frames.length}%`;
  }

  #listenToThreshold() {
    const slider = byId("accept");
    slider.valueAsNumber = this.session.accepting;
    slider.addEventListener("input", () => {
      this.session.accepting = slider.valueAsNumber;
      localStorage.setItem("rigtrack-label-accept", slider.value);
      this.session.say("change");
    });
    slider.addEventListener("change", () => slider.blur());
  }

  updateFrame(index) {
    const { label, image } = this.session.frames[index];
    const state = stateOf(label, this.session.project);
    const row = this.#rows[index];
    const waits = this.session.outbox.has(image);
    row.dataset.state = state;
    row.children[0].textContent = MARKS[state];
    row.children[0].title = WORDS[state];
    const error = this.ranking.errorOf(this.session.frames[index]);
    const px = error === undefined ? [] : [`${error.toFixed(1)} px`];
    row.children[2].textContent = [...(label?.tags ?? []), ...px, ...(waits ? ["↑"] : [])].join(" ");
  }

  update() {
    const { session } = this;
    const { frame } = session;
    this.#showRow();
    this.#showPoints();
    this.#showAnimals();
    this.#showProgress();
    this.#showVideo(frame.group);
    byId("undecided").hidden = !session.label.to_decide || session.label.excluded;
    byId("where").textContent = `${session.index + 1} of ${session.frames.length} · ${videoName(frame)} · frame ${frame.frame} · ${frame.why}`;
    byId("hint").textContent = this.#hint();
    byId("excluded").hidden = !session.label.excluded;
    byId("notice").hidden = !session.notice;
    byId("notice").textContent = session.notice ?? "";
    byId("prediction").textContent = this.#predictionText();
    this.showZoom();
  }

  #hint() {
    const { session } = this;
    if (!session.ready) return "";
    if (session.jumped?.image === session.frame.image) return session.jumped.text;
    if (session.place !== undefined && !session.chosen) return "all points labelled: n for the next frame";
    const whose = session.project.animals > 1 ? ` of animal ${session.animal + 1}` : "";
    return `click places ${session.name}${whose}`;
  }

  #predictionText() {
    const { session } = this;
    if (!session.offered) return "not shown: o shows it";
    const offers = session.offers();
    const count = offers.length;
    const sure = offers.filter(({ confidence }) => confidence >= session.accepting).length;
    byId("accept-text").textContent = `${Math.round(session.accepting * 100)} %`;
    const offer = `${count} offered (dashed rings), no labels until accepted: g takes ${sure === count ? "all" : `the ${sure} that are sure enough`}, a click on a ring takes one.`;
    return `${session.project.bundle}: ${count ? offer : "nothing to accept here."}`;
  }

  // How far the bundle has been asked about the frames, and what came of it, now and then: there may be thousands.
  showRanking() {
    const { ranking, session } = this;
    const total = session.frames.length;
    byId("ranking").textContent = ranking.asked < total ? `${ranking.asked} of ${total} frames compared` : "w: the worst label; Shift+w: the least sure frame";
    if (ranking.asked % 50 === 0 || ranking.asked >= total) session.frames.forEach((_, index) => this.updateFrame(index));
  }

  showZoom() {
    const scale = this.stage.view.scale;
    byId("zoom").textContent = `zoom ${scale >= 10 ? scale.toFixed(0) : scale.toFixed(2)}×`;
    byId("keep-zoom").textContent = this.stage.keepZoom ? "kept for the next frame" : "";
  }

  #showRow() {
    const { index } = this.session;
    this.updateFrame(index);
    if (index === this.#shownIndex) return;
    this.#rows[this.#shownIndex]?.classList.remove("current");
    this.#rows[index].classList.add("current");
    this.#rows[index].scrollIntoView({ block: "nearest" });
    this.#shownIndex = index;
  }

  #showPoints() {
    const { session } = this;
    const rows = session.project.point_names.map((name, point) => {
      const place = placeOf(session.label, session.animal, name);
      const row = element("li", { className: point === session.point ? "current" : "" });
      const dot = element("span", { className: "dot" });
      dot.style.borderColor = colourOf(session, session.animal, point);
      if (Array.isArray(place)) dot.style.background = colourOf(session, session.animal, point);
      const key = element("kbd", { text: point < 10 ? (point + 1) % 10 : point < 20 ? `⇧${(point + 1) % 10}` : "" });
      const text = place === undefined ? "–" : place === HIDDEN ? "hidden" : `${place[0].toFixed(2)}, ${place[1].toFixed(2)}`;
      row.append(key, dot, element("span", { className: "name", text: name, title: name }), element("span", { className: "place", text }));
      clickable(row, () => session.choosePoint(point));
      return row;
    });
    byId("points").replaceChildren(...rows);
  }

  #showAnimals() {
    const { session } = this;
    if (session.project.animals < 2) return;
    const rows = [...Array(session.project.animals).keys()].map((animal) => {
      const row = element("li", { className: animal === session.animal ? "current" : "" });
      const dot = element("span", { className: "dot" });
      dot.style.background = dot.style.borderColor = colourOf(session, animal, 0);
      const done = Object.keys(session.label.animals[animal] ?? {}).length;
      const place = element("span", { className: "place", text: `${done} / ${session.project.point_names.length}` });
      row.append(dot, element("span", { className: "name", text: `animal ${animal + 1}` }), place);
      clickable(row, () => session.chooseAnimal(animal));
      return row;
    });
    byId("animals").replaceChildren(...rows);
  }

  #showProgress() {
    const { session } = this;
    const total = session.frames.length;
    const counts = countStates(session.frames, session.project);
    byId("bar-labelled").style.width = `${(100 * counts.labelled) / total}%`;
    byId("bar-excluded").style.width = `${(100 * counts.excluded) / total}%`;
    const begun = counts.begun ? ` (${counts.begun} begun${this.#butAbsent()})` : "";
    const undecided = counts.undecided ? ` · ${counts.undecided} to decide` : "";
    const left = counts.untouched + counts.begun;
    byId("counts").textContent = `${counts.labelled} labelled · ${counts.excluded} excluded${undecided} · ${left} left${begun}`;
    const rows = session.project.tags.map((tag, number) => {
      const row = element("li", { className: session.label.tags.includes(tag) ? "set" : "" });
      const key = element("kbd", { text: number < 10 ? (number + 1) % 10 : "" });
      row.append(key, element("span", { className: "name", text: tag, title: tag }), element("span", { className: "place", text: counts.tags[tag] ?? 0 }));
      clickable(row, () => session.toggleTag(number));
      return row;
    });
    byId("tags").replaceChildren(...rows);
  }

  // Of how many begun frames nothing is missing but points that are in no frame: it may be that nobody labels these.
  #butAbsent() {
    const { frames, project } = this.session;
    const absent = absentPoints(frames, project);
    const lacking = frames.filter(({ label }) => stateOf(label, project) === "begun" && stateBut(label, project, absent) === "labelled").length;
    return lacking ? `, ${lacking} of them but for ${absent.size > 2 ? `${absent.size} points` : [...absent].join(" and ")}, in no frame` : "";
  }

  showSaving() {
    const { outbox } = this.session;
    const saved = byId("saved");
    const refusal = outbox.refusal();
    const problem = refusal ?? outbox.problem;
    const frames = `${outbox.waiting} ${outbox.waiting === 1 ? "frame" : "frames"}`;
    if (!outbox.waiting) [saved.dataset.state, saved.textContent] = ["saved", "saved"];
    else if (!problem) [saved.dataset.state, saved.textContent] = ["saving", "saving …"];
    else {
      saved.dataset.state = "unsaved";
      const fate = refusal ? "" : outbox.isKept ? " Kept in this browser; tried again." : " Leave this tab open; tried again.";
      saved.textContent = `${frames} not saved: ${problem}.${fate}`;
    }
  }

  showPalette(shown) {
    const palette = byId("tag-palette");
    palette.hidden = !shown;
    palette.replaceChildren(
      ...this.session.project.tags.slice(0, 10).map((tag, number) => {
        const item = element("span", { className: this.session.label.tags.includes(tag) ? "set" : "" });
        item.append(element("kbd", { text: (number + 1) % 10 }), tag);
        return item;
      }),
    );
  }
}

export function element(kind, { text, className = "", title } = {}) {
  const made = document.createElement(kind);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  if (title !== undefined) made.title = title;
  return made;
}

// Without taking the focus, which belongs to the keys.
function clickable(row, act) {
  row.addEventListener("mousedown", (event) => {
    event.preventDefault();
    if (event.button === 0) act();
  });
}
