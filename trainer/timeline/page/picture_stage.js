// The frame that is looked at: its picture, and poses drawn over it or on a plain field.

import { View } from "./view.js";

const ANIMALS = ["#56b4e9", "#e69f00", "#00c896", "#ff7fbf", "#f0e442", "#b9a6ff"];
const DARK = "rgba(0, 0, 0, 0.7)";
const FIELD = "#15181c";
const GRID = "#22272d";
const SMOOTH_BELOW = 2; // device px for each image px; above, pixels are shown as squares

export class PictureStage {
  view = new View();
  posesShown = true;
  #shown = null; // {video, frame, picture, poses}
  #pan = null;
  #drawn = false;

  constructor(stage, canvas) {
    [this.stage, this.canvas] = [stage, canvas];
    new ResizeObserver(() => this.#resize()).observe(stage);
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    stage.addEventListener("pointerup", () => (this.#pan = null));
    stage.addEventListener("dblclick", () => this.fit());
  }

  show(video, frame, { picture, poses }) {
    const other = this.#shown?.video !== video;
    this.#shown = { video, frame, picture, poses };
    if (other) {
      const [, , width, height] = picture ? [0, 0, picture.width, picture.height] : video.poses.field;
      [this.view.width, this.view.height] = [width, height];
      this.view.fit();
    }
    this.draw();
  }

  fit() {
    this.view.fit();
    this.draw();
  }

  setFilter(brightness, contrast) {
    this.canvas.style.filter = `brightness(${brightness}) contrast(${contrast})`;
  }

  draw() {
    if (this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => {
      this.#drawn = false;
      this.#paint();
    });
  }

  #paint() {
    const pen = this.canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.#shown) return;
    const { video, frame, picture, poses } = this.#shown;
    pen.scale(devicePixelRatio, devicePixelRatio);
    if (picture) this.#paintPicture(pen, picture);
    else this.#paintField(pen);
    if (poses && this.posesShown) this.#paintPoses(pen, video, picture, poses);
    this.stage.dataset.shown = `${video.name}:${frame}`;
  }

  #paintPicture(pen, picture) {
    const { left, top, width, height, scale } = this.view;
    pen.imageSmoothingEnabled = scale * devicePixelRatio < SMOOTH_BELOW;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, left, top, width * scale, height * scale);
  }

  #paintField(pen) {
    const { left, top, width, height, scale } = this.view;
    pen.fillStyle = FIELD;
    pen.fillRect(left, top, width * scale, height * scale);
    pen.strokeStyle = GRID;
    pen.lineWidth = 1;
    pen.beginPath();
    for (let line = 0; line <= 10; line++) {
      pen.moveTo(left + (line / 10) * width * scale, top);
      pen.lineTo(left + (line / 10) * width * scale, top + height * scale);
      pen.moveTo(left, top + (line / 10) * height * scale);
      pen.lineTo(left + width * scale, top + (line / 10) * height * scale);
    }
    pen.stroke();
  }

  // Poses are in pixels of the video; a large picture may have been sent smaller.
  #paintPoses(pen, video, picture, poses) {
    const [left, top] = picture ? [0, 0] : video.poses.field;
    const shrunk = picture && video.size ? picture.width / video.size[0] : 1;
    const { animals, points } = video.poses;
    for (let animal = 0; animal < animals; animal++) {
      const places = points.map((_, point) => {
        const at = (animal * points.length + point) * 3;
        const [x, y] = [poses[at], poses[at + 1]];
        return Number.isNaN(x) ? null : this.view.toScreen((x - left) * shrunk, (y - top) * shrunk);
      });
      const colour = ANIMALS[animal % ANIMALS.length];
      for (const place of places) if (place) this.#dot(pen, place, colour);
    }
  }

  #dot(pen, [x, y], colour) {
    for (const [radius, fill] of [[4.5, DARK], [3, colour]]) {
      pen.fillStyle = fill;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fill();
    }
  }

  // --- mouse ---

  #at(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1; // Firefox counts lines
    this.view.zoomAt(...this.#at(event), Math.exp(-event.deltaY * lines * 0.0015));
    this.draw();
  }

  #down(event) {
    if (event.button > 1) return;
    this.#pan = this.#at(event);
    this.stage.setPointerCapture(event.pointerId);
  }

  #move(event) {
    if (!this.#pan) return;
    const at = this.#at(event);
    this.view.pan(at[0] - this.#pan[0], at[1] - this.#pan[1]);
    this.#pan = at;
    this.draw();
  }

  #resize() {
    const { clientWidth, clientHeight } = this.stage;
    [this.view.stageWidth, this.view.stageHeight] = [Math.max(1, clientWidth), Math.max(1, clientHeight)];
    [this.canvas.width, this.canvas.height] = [Math.max(1, Math.round(clientWidth * devicePixelRatio)), Math.max(1, Math.round(clientHeight * devicePixelRatio))];
    this.view.fit();
    this.#paint(); // at once: a resized canvas is blank
  }
}
