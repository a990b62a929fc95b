// The canvases in the middle: the picture, what is drawn over it, and what the mouse does there.

import { drawAll, drawLoupe, isOnOffer } from "./draw.js";
import { withPoint } from "./label_model.js";
import { View } from "./view.js";

const GRAB_PX = 9; // how near a point counts as on it
const DRAG_PX = 3; // less is a click
const SMOOTH_BELOW = 2; // device px for each image px; above, pixels are shown as squares

export class Stage {
  view = new View();
  #picture = null;
  #gesture = null; // {kind: "pan" | "move" | "place" | "accept", ...}
  #scrubbed = ""; // number of the video frame whose picture is shown, nothing for a frame of the project
  #drawn = false;
  #corner = [0, 0]; // of the stage in the window
  spaceHeld = false;
  keepZoom = false;
  filter = "none";

  constructor(session, { stage, picture, overlay, pointer }) {
    this.session = session;
    this.stage = stage;
    this.canvases = [picture, overlay];
    this.pointer = pointer;
    new ResizeObserver(() => this.#resize()).observe(stage);
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    stage.addEventListener("pointerup", (event) => this.#up(event));
    stage.addEventListener("pointercancel", () => this.#drop());
    stage.addEventListener("pointerleave", () => (this.pointer.textContent = ""));
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("auxclick", (event) => event.preventDefault());
    this.#watchPixelRatio();
  }

  get busy() {
    return this.#gesture !== null;
  }

  // Null while a picture is on its way.
  show(picture, { keep = this.keepZoom, scrubbed = "" } = {}) {
    this.#scrubbed = scrubbed;
    const sameSize = picture && picture.width === this.view.width && picture.height === this.view.height;
    this.#picture = picture;
    this.#gesture = null;
    if (picture) {
      [this.view.width, this.view.height] = [picture.width, picture.height];
      if (!keep || !sameSize) this.view.fit();
    }
    this.draw();
  }

  fit() {
    this.view.fit();
    this.draw();
  }

  setFilter(brightness, contrast) {
    this.filter = `brightness(${brightness}) contrast(${contrast})`;
    this.canvases[0].style.filter = this.filter;
    this.draw();
  }

  // At the next repaint, however often it is asked for until then.
  draw() {
    if (this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => {
      this.#drawn = false;
      this.#paint();
    });
  }

  #paint() {
    const [back, front] = this.canvases.map((canvas) => this.#cleared(canvas));
    const { view, session } = this;
    this.stage.dataset.view = JSON.stringify([view.scale, this.#corner[0] + view.left, this.#corner[1] + view.top]); // for tests
    this.stage.dataset.shown = this.#picture && session.ready ? session.frame.image : "";
    this.stage.dataset.scrubbed = this.#scrubbed;
    if (!this.#picture) return;
    back.imageSmoothingEnabled = view.scale * devicePixelRatio < SMOOTH_BELOW;
    back.imageSmoothingQuality = "high";
    back.drawImage(this.#picture, view.left, view.top, view.width * view.scale, view.height * view.scale);
    if (session.scrubbed !== null) return; // another frame's labels would lie beside what they mean
    drawAll(front, session, view, this.#dragged());
    const place = this.#gesture?.place;
    if (place) drawLoupe(front, this.#picture, view, { place, filter: this.filter });
  }

  #cleared(canvas) {
    const pen = canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.scale(devicePixelRatio, devicePixelRatio);
    return pen;
  }

  // The label as it would be if the button were let go.
  #dragged() {
    const gesture = this.#gesture;
    if (!gesture?.place || !gesture.moved) return null;
    const { session } = this;
    const [animal, point] = gesture.kind === "move" ? [gesture.animal, gesture.point] : [session.animal, session.point];
    const name = session.project.point_names[point];
    return { name, label: withPoint(session.label, animal, name, gesture.place) };
  }

  // The layout may put the stage between two device pixels; the canvases are moved onto whole ones, or they would be drawn blurred
  // and beside where the mouse finds them.
  #resize() {
    const ratio = devicePixelRatio;
    const box = this.stage.getBoundingClientRect();
    const [x, y] = [Math.ceil(box.left * ratio), Math.ceil(box.top * ratio)];
    const [width, height] = [Math.max(1, Math.floor(box.right * ratio) - x), Math.max(1, Math.floor(box.bottom * ratio) - y)];
    const wasFitted = this.view.stageWidth === 1 || this.#isFitted();
    this.#corner = [x / ratio, y / ratio];
    [this.view.stageWidth, this.view.stageHeight] = [width / ratio, height / ratio];
    for (const canvas of this.canvases) {
      [canvas.width, canvas.height] = [width, height];
      const place = { left: x / ratio - box.left, top: y / ratio - box.top, width: width / ratio, height: height / ratio };
      for (const [side, length] of Object.entries(place)) canvas.style[side] = `${length}px`;
    }
    if (wasFitted) this.view.fit();
    this.#paint(); // at once: resized canvases are blank
    this.session.say("zoom");
  }

  #isFitted() {
    const { scale, left, top } = this.view;
    const fitted = Object.assign(new View(), this.view);
    fitted.fit();
    return fitted.scale === scale && fitted.left === left && fitted.top === top;
  }

  // Moved to another screen, or the browser's own zoom was changed.
  #watchPixelRatio() {
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener(
      "change",
      () => {
        this.#resize();
        this.#watchPixelRatio();
      },
      { once: true },
    );
  }

  // --- mouse ---

  #at(event) {
    return [event.clientX - this.#corner[0], event.clientY - this.#corner[1]];
  }

  #pointAt([x, y]) {
    let nearest = null;
    this.session.label.animals.forEach((points, animal) => {
      this.session.project.point_names.forEach((name, point) => {
        if (!Array.isArray(points[name])) return;
        const [left, top] = this.view.toScreen(...points[name]);
        const distance = Math.hypot(x - left, y - top);
        if (distance <= GRAB_PX && distance < (nearest?.distance ?? Infinity)) nearest = { animal, point, distance, offset: [left - x, top - y] };
      });
    });
    return nearest;
  }

  #down(event) {
    if (this.#gesture || !this.#picture) return;
    const at = this.#at(event);
    const gesture = this.#begin(event, at);
    if (!gesture) return;
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    this.#gesture = { ...gesture, from: at, last: at, moved: gesture.kind === "place" };
    this.stage.classList.toggle("panning", gesture.kind === "pan");
    this.draw();
  }

  #begin(event, at) {
    const { session, view } = this;
    if (event.button === 1 || (event.button === 0 && this.spaceHeld)) return { kind: "pan" };
    if (event.button === 0 && session.scrubbed !== null) session.placeCurrent(view.toImage(...at)); // says why nothing is placed
    if (event.button !== 0 || !session.ready) return null;
    const place = view.toImage(...at);
    if (!event.ctrlKey) {
      const grabbed = this.#pointAt(at);
      if (grabbed) return { kind: "move", ...grabbed };
      const offer = session.offers().find((one) => isOnOffer(at, one, view));
      if (offer) return { kind: "accept", offer };
    }
    if (!view.contains(place)) return null;
    if (session.place !== undefined && !session.chosen) {
      session.placeCurrent(place); // says why nothing is placed
      return null;
    }
    return { kind: "place", place };
  }

  #move(event) {
    const at = this.#at(event);
    this.#showPointer(at);
    const gesture = this.#gesture;
    if (!gesture) return;
    if (gesture.kind === "pan") {
      this.view.pan(at[0] - gesture.last[0], at[1] - gesture.last[1]);
    } else {
      gesture.moved ||= Math.hypot(at[0] - gesture.from[0], at[1] - gesture.from[1]) >= DRAG_PX;
      if (gesture.moved && gesture.kind !== "accept") gesture.place = this.#target(gesture, at);
    }
    gesture.last = at;
    this.draw();
  }

  // A point that is dragged keeps its distance from the pointer, so that grabbing it does not move it.
  #target(gesture, [x, y]) {
    const [dx, dy] = gesture.offset ?? [0, 0];
    return this.view.clamp(this.view.toImage(x + dx, y + dy));
  }

  #up(event) {
    const gesture = this.#gesture;
    this.#drop();
    if (!gesture || gesture.kind === "pan") return;
    const { session } = this;
    if (gesture.kind === "accept") session.accept(gesture.offer);
    else if (gesture.kind === "place") session.placeCurrent(this.#target(gesture, this.#at(event)));
    else {
      session.select(gesture.animal, gesture.point);
      if (gesture.moved) session.move(gesture.animal, gesture.point, gesture.place);
    }
  }

  #drop() {
    this.#gesture = null;
    this.stage.classList.remove("panning");
    this.draw();
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1; // Firefox counts lines
    this.view.zoomAt(...this.#at(event), Math.exp(-event.deltaY * lines * 0.0015));
    this.draw();
    this.session.say("zoom");
  }

  #showPointer(at) {
    const place = this.view.toImage(...at);
    this.pointer.textContent = this.#picture && this.view.contains(place) ? `${place[0].toFixed(2)}, ${place[1].toFixed(2)} px` : "";
  }
}
