// What is written beside the picture and the timeline: videos, classes, the chosen bout, offers, agreement, saving.

import { MARKS, openSpans } from "./bout_model.js";
import { colourOf, keyOf } from "./class_colours.js";
import { command } from "./pictures.js";
import { timeText } from "./time_axis.js";
import { SPEEDS } from "./workplace.js";

const byId = (id) => document.getElementById(id);
const FEW = 0.1; // a share from which on whole per cent are enough

export class Panel {
  #listed = []; // labels that the list of classes was written from

  // actions: switch(name), play(), keys
  constructor(place, player, beside, actions) {
    Object.assign(this, { place, player, beside, actions });
    byId("title").textContent = place.project.folder;
    byId("who").textContent = place.project.annotator;
    byId("speed").append(...SPEEDS.map((speed) => element("option", { text: speedText(speed), value: speed })));
    this.#listVideos();
    this.#listClasses();
    place.addEventListener("change", () => this.update());
    place.addEventListener("video", () => this.update());
    place.addEventListener("played", () => this.showWhere());
    place.addEventListener("shown", () => this.showWhere());
    place.addEventListener("saving", () => this.showSaving());
    place.addEventListener("beside", () => this.update());
    place.addEventListener("agreement", () => this.showAgreement());
    this.update();
    this.showSaving();
  }

  update() {
    this.showWhere();
    this.#showVideos();
    this.#showClasses();
    this.#showBout();
    this.#showOffer();
    const { notice } = this.place;
    byId("notice").hidden = !notice;
    byId("notice").textContent = notice ?? "";
    byId("play").textContent = this.player.playing ? "❚❚" : "▶";
    byId("speed").value = String(this.place.speed);
    if (document.activeElement !== byId("stride")) byId("stride").value = this.place.stride;
  }

  showWhere() {
    const { place } = this;
    const { video, frame } = place;
    const seconds = frame / video.fps;
    if (document.activeElement !== byId("frame")) byId("frame").value = frame;
    byId("frame").max = video.frames - 1;
    byId("where").textContent = `of ${video.frames - 1} · ${timeText(seconds, { digits: 2 })} of ${timeText(video.frames / video.fps)}`;
    byId("loading").hidden = place.ready;
    const on = [...place.labels.started.map(({ name }) => `${name} goes on`), ...place.labels.bouts.filter(({ first, end }) => first <= frame && frame < end).map(({ name }) => name)];
    byId("on").textContent = on.join(", ") || (place.video.frames && "nothing");
    byId("on").classList.toggle("none", !on.length);
  }

  // --- videos ---

  #listVideos() {
    const { place } = this;
    const rows = place.videos.map((video, index) => {
      const row = element("li", { title: video.title });
      row.append(element("span", { className: "name", text: video.title }), element("span", { className: "place" }));
      row.addEventListener("click", () => place.goToVideo(index));
      return row;
    });
    byId("videos").replaceChildren(...rows);
  }

  #showVideos() {
    const { place } = this;
    const states = place.videos.map((video) => [video.labels, judgedShare(video, place.project.class_names)]);
    const rows = byId("videos").children;
    states.forEach(([, share], index) => {
      rows[index].classList.toggle("current", index === place.index);
      const last = rows[index].lastChild;
      last.textContent = share === 1 ? "✓" : share ? shareText(share) : "–";
      last.title = "frames that are judged";
    });
    const whole = states.reduce((sum, [, share], index) => sum + share * place.videos[index].frames, 0) / place.videos.reduce((sum, { frames }) => sum + frames, 0);
    byId("bar-labelled").style.width = `${100 * whole}%`;
    const here = states[place.index][1];
    const count = place.labels.bouts.filter(({ name }) => !MARKS.includes(name)).length;
    byId("counts").textContent = `${count} ${count === 1 ? "bout" : "bouts"} · ${shareText(here)} judged`;
  }

  // --- classes ---

  #listClasses() {
    const { place } = this;
    const rows = place.names.map((name) => {
      const row = element("li", { className: MARKS.includes(name) ? "mark-row" : "" });
      const dot = element("span", { className: "swatch" });
      dot.style.background = colourOf(name, place.project.class_names);
      row.append(element("kbd", { text: keyOf(name, place.project.class_names) }), dot, element("span", { className: "name", text: name }), element("span", { className: "place" }));
      row.addEventListener("click", () => this.actions.switch(name));
      return row;
    });
    byId("classes").replaceChildren(...rows);
    byId("rule").textContent = place.project.exclusive ? "One at a time: starting one ends the other." : "Several may be on at once.";
    byId("palette").replaceChildren(
      "change to ",
      ...place.project.class_names.slice(0, 20).map((name) => {
        const choice = element("span", {});
        choice.append(element("kbd", { text: keyOf(name, place.project.class_names) }), name);
        return choice;
      }),
    );
  }

  #showClasses() {
    const { place } = this;
    const rows = byId("classes").children;
    place.names.forEach((name, index) => {
      const going = place.labels.started.find((one) => one.name === name);
      rows[index].classList.toggle("going", Boolean(going));
      if (this.#listed[index]?.labels === place.labels) return;
      const bouts = place.labels.bouts.filter((bout) => bout.name === name);
      const seconds = bouts.reduce((sum, { first, end }) => sum + end - first, 0) / place.video.fps;
      rows[index].lastChild.textContent = going ? `since ${going.first}` : bouts.length ? `${bouts.length} · ${timeText(seconds)}` : "";
      this.#listed[index] = { labels: place.labels };
    });
    byId("begin").hidden = place.labels.bouts.length + place.labels.started.length > 0;
  }

  // --- bout and offer ---

  #showBout() {
    const { place } = this;
    const bout = place.chosen;
    byId("bout-section").hidden = !bout;
    if (!bout) return;
    byId("bout").textContent = `${bout.name}${bout.mark === "yes" ? "" : `, ${bout.mark}`} · ${spanText(bout, place.video.fps)}`;
  }

  #showOffer() {
    const { place } = this;
    const open = place.openOffers();
    byId("offer-section").hidden = !place.project.offers.length && !place.offer;
    const { offer } = place;
    byId("offer").textContent = offer
      ? `${offer.name} · ${spanText(offer, place.video.fps)}${offer.as ? " · edges moved" : ""}`
      : open.length
        ? "w shows the most uncertain bout that is not decided."
        : "Every bout that was offered is decided.";
    byId("why").textContent = offer ? whyText(offer) : "";
    byId("offer-count").textContent = place.project.offers.length ? `${open.length} of ${place.project.offers.length} open` : "";
    for (const id of ["accept", "reject"]) byId(id).disabled = !offer;
    byId("next-offer").disabled = !open.length;
  }

  showAgreement() {
    const { agreement } = this.beside;
    byId("agreement-section").hidden = !agreement;
    if (!agreement) return;
    const tables = agreement.map(({ name, here, all }) => {
      const table = element("table", {});
      table.append(rowOf("th", [`with ${name}`, "this video", "all"]));
      const classes = Object.keys((all ?? here)?.by_frame ?? {});
      for (const each of classes) table.append(rowOf("td", [each, figure(here?.by_frame[each]), figure(all?.by_frame[each])]));
      table.append(rowOf("td", ["by bout", figure(here?.by_bout), figure(all?.by_bout)]));
      table.append(rowOf("td", ["frames", here?.frames ?? "–", all?.frames ?? "–"]));
      return table;
    });
    byId("agreement").replaceChildren(...tables);
  }

  showSaving() {
    const { outbox } = this.place;
    const saved = byId("saved");
    const refusal = outbox.refusal();
    const problem = refusal ?? outbox.problem;
    if (!outbox.waiting && !this.place.pressed) [saved.dataset.state, saved.textContent] = ["saved", "saved"];
    else if (!problem) [saved.dataset.state, saved.textContent] = ["saving", "saving"];
    else {
      const fate = refusal ? "" : outbox.isKept ? " Kept in this browser; tried again." : " Leave this tab open; tried again.";
      [saved.dataset.state, saved.textContent] = ["unsaved", `not saved: ${problem}.${fate}`];
    }
    saved.title = saved.dataset.state === "unsaved" ? `${command()} must run for labels to be saved` : "";
  }
}

function judgedShare({ labels, frames }, classNames) {
  return 1 - openSpans(labels, classNames, frames).reduce((sum, [first, end]) => sum + end - first, 0) / frames;
}

// Never all, nor nothing, where it is not.
function shareText(share) {
  if (share === 0 || share === 1) return share ? "all" : "nothing";
  const [digits, most] = share < FEW ? [1, 100] : [0, 99];
  return `${Math.min(most, Math.max(0.1, 100 * share)).toFixed(digits)} %`;
}

function spanText({ first, end }, fps) {
  return `frames ${first} to ${end - 1} · ${((end - first) / fps).toFixed(2)} s`;
}

function whyText({ from, uncertainty, confidence, reason }) {
  if (uncertainty === undefined) return `said by ${from}`;
  return `${Math.round(100 * confidence)} % sure on average · uncertainty ${Math.round(100 * uncertainty)} % (${reason})`;
}

function speedText(speed) {
  return speed < 1 ? `1/${1 / speed} ×` : `${speed} ×`;
}

function figure(value) {
  return value === null || value === undefined ? "–" : value.toFixed(2);
}

function rowOf(kind, cells) {
  const row = element("tr", {});
  row.append(...cells.map((text) => element(kind, { text })));
  return row;
}

export function element(tag, { text = "", className = "", ...more }) {
  const made = Object.assign(document.createElement(tag), { className, ...more });
  made.textContent = text;
  return made;
}
