// The timeline: ruler, the whole video in small, and the rows below. Rows are painted when they change; the frame's line and what is
// being done are on a canvas of their own, so that playing costs no more than a line.

import { MARKS } from "./bout_model.js";
import { colourOf } from "./class_colours.js";
import { GUTTER, rowLayout } from "./row_layout.js";
import { hatching, paintRows } from "./row_painter.js";
import { TimeAxis, tickSeconds, timeText } from "./time_axis.js";

const FONT = '11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
const RULER = 20;
const WHOLE = 12; // the whole video in small
const LEAST_TICK_PX = 70;
const LEAST_SPAN_S = 6; // around a bout that is gone to
const RIGHT = 8; // free at the right

export class TimelineView {
  axis = new TimeAxis();
  layout = { rows: [], height: 0 };
  dragged = null; // {bout, edge, to} while an edge is dragged
  #rowsWaiting = false;
  #lineWaiting = false;
  #painted = {}; // what the rows were painted from

  // parts: {head, scroll, rows, line}: the canvas of ruler and whole, the box that scrolls, the canvases of rows and line
  constructor(place, parts) {
    Object.assign(this, { place, ...parts });
    new ResizeObserver(() => this.#resize()).observe(this.scroll);
    place.addEventListener("change", () => this.draw());
    place.addEventListener("played", () => this.#followFrame());
    place.addEventListener("frame", () => this.#followFrame());
    place.addEventListener("video", () => this.openVideo());
    place.addEventListener("beside", () => this.#lay());
    place.addEventListener("show", () => this.#showSpan());
    this.openVideo();
  }

  openVideo() {
    this.axis.frames = this.place.video.frames;
    this.axis.fit();
    this.#lay();
  }

  fit() {
    this.axis.fit();
    this.draw();
  }

  zoom(direction, x = this.axis.toX(this.place.frame)) {
    this.axis.zoomAt(Math.min(Math.max(x, 0), this.axis.width), 1.5 ** direction);
    this.draw();
  }

  // Rows if anything in them has changed, and the line.
  draw() {
    if (!this.#rowsWaiting) {
      this.#rowsWaiting = true;
      requestAnimationFrame(() => {
        this.#rowsWaiting = false;
        this.#paintRows();
      });
    }
    this.drawLine();
  }

  drawLine() {
    if (this.#lineWaiting) return;
    this.#lineWaiting = true;
    requestAnimationFrame(() => {
      this.#lineWaiting = false;
      this.#paintLine();
    });
  }

  #followFrame() {
    const { left } = this.axis;
    this.axis.show(this.place.frame);
    if (this.axis.left !== left) this.draw();
    else this.drawLine();
  }

  #showSpan() {
    const span = this.place.offer ?? this.place.chosen;
    if (span) this.axis.showSpan(span.first, span.end, LEAST_SPAN_S * this.place.video.fps);
    this.draw();
  }

  #lay() {
    const { place } = this;
    this.layout = rowLayout({ classNames: place.project.class_names, marks: MARKS, people: place.people, models: place.models });
    this.#resize();
  }

  #resize() {
    const { clientWidth } = this.scroll;
    const height = Math.max(this.layout.height, this.scroll.clientHeight);
    this.axis.resize(clientWidth - GUTTER - RIGHT);
    for (const [canvas, tall] of [[this.head, RULER + WHOLE], [this.rows, height], [this.line, height]]) {
      [canvas.width, canvas.height] = [Math.max(1, Math.round(clientWidth * devicePixelRatio)), Math.round(tall * devicePixelRatio)];
      [canvas.style.width, canvas.style.height] = [`${clientWidth}px`, `${tall}px`];
    }
    this.#painted = {};
    this.#paintRows();
    this.#paintLine();
  }

  #paintRows() {
    const { place, axis } = this;
    const now = { labels: place.labels, chosen: place.chosen, left: axis.left, perPx: axis.perPx, width: axis.width, layout: this.layout };
    if (Object.entries(now).every(([key, value]) => this.#painted[key] === value)) return;
    this.#painted = now;
    const pen = cleared(this.rows);
    this.hatch ??= hatching(pen);
    paintRows(pen, { place, axis, layout: this.layout, open: this.hatch });
    this.#paintHead(cleared(this.head));
    this.scroll.dataset.axis = JSON.stringify([axis.left, axis.perPx, GUTTER]); // for tests
    this.scroll.dataset.rows = JSON.stringify(this.layout.rows.map(({ kind, name, top, height }) => [kind, name, top + height / 2]));
  }

  #paintHead(pen) {
    const { place, axis } = this;
    const { fps } = place.video;
    pen.font = FONT;
    pen.textBaseline = "middle";
    pen.save();
    pen.translate(GUTTER, 0);
    const tick = tickSeconds(axis.perPx, fps, LEAST_TICK_PX);
    for (let number = Math.floor(axis.left / fps / tick); number * tick * fps <= Math.min(axis.right, axis.frames); number++) {
      const x = axis.toX(number * tick * fps);
      if (x < 0) continue;
      pen.fillStyle = "#3a424c";
      pen.fillRect(x, WHOLE + 12, 1, 8);
      pen.fillStyle = "#97a1ac";
      const text = timeText(number * tick, { digits: tick < 1 ? 1 : 0 });
      if (x + 3 + pen.measureText(text).width < axis.width + RIGHT) pen.fillText(text, x + 3, WHOLE + 11);
    }
    this.#paintWhole(pen);
    pen.restore();
    pen.fillStyle = "#7d8791";
    pen.fillText("whole video", 8, WHOLE / 2 + 0.5);
  }

  #paintWhole(pen) {
    const { place, axis } = this;
    const perPx = axis.frames / axis.width;
    pen.fillStyle = "#1f242a";
    pen.fillRect(0, 1, axis.width, WHOLE - 3);
    for (const { name, first, end } of place.labels.bouts) {
      pen.fillStyle = colourOf(name, place.project.class_names);
      pen.fillRect(first / perPx, 2, Math.max(1, (end - first) / perPx), WHOLE - 5);
    }
    if (axis.isFitted) return;
    pen.strokeStyle = "#e4e7ea";
    pen.lineWidth = 1;
    pen.strokeRect(axis.left / perPx + 0.5, 0.5, Math.max(3, (axis.width * axis.perPx) / perPx - 1), WHOLE - 2);
  }

  // --- what moves ---

  #paintLine() {
    const { place, axis } = this;
    const pen = cleared(this.line);
    pen.save();
    pen.beginPath();
    pen.rect(GUTTER, 0, axis.width + 1, this.line.height);
    pen.clip();
    pen.translate(GUTTER, 0);
    for (const started of place.labels.started) this.#paintStarted(pen, started);
    if (place.offer) this.#paintOffer(pen, place.offer);
    if (this.dragged) this.#paintDragged(pen);
    const [x, width] = [axis.toX(place.frame), 1 / axis.perPx];
    if (width > 3) {
      pen.fillStyle = "rgba(255, 255, 255, 0.13)";
      pen.fillRect(x, 0, width, this.line.height);
    }
    pen.fillStyle = "#fff";
    pen.fillRect(Math.round(x) - 0.5, 0, 1.5, this.line.height);
    pen.restore();
  }

  #ownRow(name) {
    return this.layout.rows.find((row) => row.name === name && (row.kind === "own" || row.kind === "mark"));
  }

  #box({ name, first, end }) {
    const row = this.#ownRow(name);
    if (!row) return null;
    const [x, right] = [this.axis.toX(first), this.axis.toX(end)];
    return [x, row.top + 1, Math.max(2, right - x), row.height - 2];
  }

  // A bout that goes on: it grows with the frame.
  #paintStarted(pen, { name, first }) {
    const { place } = this;
    const box = this.#box({ name, first, end: Math.max(place.frame + 1, first) });
    if (!box) return;
    pen.fillStyle = colourOf(name, place.project.class_names);
    pen.globalAlpha = 0.55;
    pen.fillRect(...box);
    pen.globalAlpha = 1;
    pen.fillRect(box[0], box[1], 3, box[3]);
  }

  #paintOffer(pen, offer) {
    const box = this.#box(offer);
    if (!box) return;
    const [x, y, width, height] = box;
    pen.fillStyle = "rgba(255, 255, 255, 0.12)";
    pen.fillRect(...box);
    pen.strokeStyle = "#fff";
    pen.lineWidth = 1.5;
    pen.setLineDash([4, 3]);
    pen.strokeRect(x + 0.75, y + 0.75, Math.max(1, width - 1.5), height - 1.5);
    pen.setLineDash([]);
  }

  #paintDragged(pen) {
    const { bout, edge, to } = this.dragged;
    const box = this.#box({ ...bout, [edge]: to });
    if (!box) return;
    pen.fillStyle = "rgba(255, 255, 255, 0.28)";
    pen.fillRect(...box);
    pen.fillStyle = "#fff";
    pen.fillRect(this.axis.toX(to) - 1, box[1] - 2, 2, box[3] + 4);
  }
}

function cleared(canvas) {
  const pen = canvas.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.scale(devicePixelRatio, devicePixelRatio);
  return pen;
}
