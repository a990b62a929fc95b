// What the mouse does on the timeline: go to a frame, choose a bout, drag an edge, take up somebody's bout, zoom and move.

import { sameBout } from "./bout_model.js";
import { isOffer } from "./open_offers.js";
import { GUTTER, isOwn, rowAt } from "./row_layout.js";

const GRAB_PX = 5; // how near an edge counts as on it
const WHOLE = 12; // the whole video in small, above the ruler

export class TimelineMouse {
  #gesture = null; // {kind: "seek" | "whole" | "pan" | "edge", ...}

  constructor(place, view) {
    [this.place, this.view] = [place, view];
    for (const target of [view.head, view.line]) {
      target.addEventListener("pointerdown", (event) => this.#down(event, target));
      target.addEventListener("pointermove", (event) => this.#move(event, target));
      target.addEventListener("pointerup", () => this.#up());
      target.addEventListener("pointercancel", () => this.#drop());
      target.addEventListener("wheel", (event) => this.#wheel(event, target), { passive: false });
      target.addEventListener("auxclick", (event) => event.preventDefault());
    }
  }

  get busy() {
    return this.#gesture?.kind === "edge";
  }

  #at(event, target) {
    const box = target.getBoundingClientRect();
    return [event.clientX - box.left - GUTTER, event.clientY - box.top];
  }

  // The bout of one's own whose edge is there: {bout, edge}; of two bouts that touch, the chosen one.
  #edgeAt([x, y]) {
    const { place, view } = this;
    const row = rowAt(view.layout, y);
    if (!isOwn(row)) return null;
    const edges = place.labels.bouts
      .filter((bout) => bout.name === row.name)
      .flatMap((bout) => ["first", "end"].map((edge) => ({ bout, edge, away: Math.abs(view.axis.toX(bout[edge]) - x) })))
      .filter(({ away }) => away <= GRAB_PX);
    const chosen = edges.filter(({ bout }) => sameBout(bout, place.chosen));
    return (chosen.length ? chosen : edges).sort((one, other) => one.away - other.away)[0] ?? null;
  }

  #boutAt([x, y]) {
    const { place, view } = this;
    const row = rowAt(view.layout, y);
    const [frame, slack] = [view.axis.toFrame(x), view.axis.perPx];
    const covers = ({ name, first, end }) => name === row?.name && first - slack <= frame && frame < end + slack;
    if (isOwn(row)) return { own: place.labels.bouts.find(covers) ?? null };
    if (row?.kind === "person") return { offered: row.person.labels.bouts.find(covers), from: row.person.name };
    if (row?.kind === "model") return { offered: row.model.bouts.find(covers), from: row.model.name };
    return {};
  }

  #down(event, target) {
    if (this.#gesture || event.button > 1) return;
    const at = this.#at(event, target);
    if (at[0] < 0) return this.#onName(at, target);
    event.preventDefault();
    target.setPointerCapture(event.pointerId);
    this.#gesture = this.#begin(event, at, target);
    this.#drag(at);
  }

  // A click on a class's name starts or stops it, as its key does.
  #onName([, y], target) {
    const row = target === this.view.line ? rowAt(this.view.layout, y) : null;
    if (isOwn(row)) this.onName(row.name);
  }

  #begin(event, at, target) {
    if (event.button === 1 || event.shiftKey) return { kind: "pan", last: at };
    if (target === this.view.head) return { kind: at[1] < WHOLE ? "whole" : "seek" };
    const grabbed = this.#edgeAt(at);
    if (grabbed) {
      this.place.choose(grabbed.bout);
      return { kind: "edge", ...grabbed };
    }
    const { own, offered, from } = this.#boutAt(at);
    if (own !== undefined) this.place.choose(own);
    if (offered) this.#offer(offered, from);
    return { kind: "seek" };
  }

  #offer(bout, from) {
    const { place } = this;
    const known = place.project.offers.find((offer) => isOffer(offer, place.video.name, bout));
    place.chosen = null;
    place.offer = known ? { from: "model", ...known } : { name: bout.name, first: bout.first, end: bout.end, from };
    place.say("change");
  }

  #move(event, target) {
    const at = this.#at(event, target);
    if (this.#gesture) return this.#drag(at);
    const edge = target === this.view.line && at[0] >= 0 && this.#edgeAt(at);
    target.style.cursor = edge ? "ew-resize" : at[0] < 0 ? "pointer" : "default";
  }

  #drag([x, y]) {
    const { place, view } = this;
    const gesture = this.#gesture;
    if (gesture.kind === "seek") place.goTo(view.axis.frameAt(x));
    if (gesture.kind === "whole") {
      place.goTo((x / view.axis.width) * view.axis.frames);
      view.axis.show(place.frame);
      view.draw();
    }
    if (gesture.kind === "pan") {
      view.axis.pan((gesture.last[0] - x) * view.axis.perPx);
      gesture.last = [x, y];
      view.draw();
    }
    if (gesture.kind === "edge") this.#dragEdge(gesture, x);
  }

  // The picture shows the frame at the edge: the first of the bout, or the first after it.
  #dragEdge(gesture, x) {
    const { bout, edge } = gesture;
    const at = this.view.axis.edgeAt(x);
    gesture.to = edge === "first" ? Math.min(at, bout.end - 1) : Math.max(at, bout.first + 1);
    this.view.dragged = { bout, edge, to: gesture.to };
    this.place.goTo(gesture.to);
    this.view.drawLine();
  }

  #up() {
    const gesture = this.#gesture;
    this.#drop();
    if (gesture?.kind === "edge") this.place.moveEdge(gesture.bout, gesture.edge, gesture.to);
  }

  #drop() {
    [this.#gesture, this.view.dragged] = [null, null];
    this.view.drawLine();
  }

  #wheel(event, target) {
    const { view } = this;
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1; // Firefox counts lines
    const [x] = this.#at(event, target);
    if (x < 0) return; // over the names, the rows scroll
    event.preventDefault();
    const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) view.axis.pan(sideways * lines * view.axis.perPx);
    else view.axis.zoomAt(x, Math.exp(-event.deltaY * lines * 0.0015));
    view.draw();
  }
}
