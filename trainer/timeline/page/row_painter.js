// The rows of the timeline as they are painted: bouts, what nobody has judged, other people, models.

import { judgedSpans, sameBout } from "./bout_model.js";
import { colourOf, keyOf } from "./class_colours.js";
import { GUTTER } from "./row_layout.js";

const FONT = 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
const BAND = "#1f242a";
const LEAST_PX = 1.5; // of a bout
const LABEL_PX = 34; // from this width on a bout shows its class
const UNKNOWN = 255; // where a model gave no probability
const ONE = 200;

export function paintRows(pen, { place, axis, layout, open }) {
  const { classNames } = place.rules;
  for (const row of layout.rows) {
    const colour = colourOf(row.name, classNames);
    pen.save();
    pen.beginPath();
    pen.rect(GUTTER, row.top, axis.width, row.height);
    pen.clip();
    pen.translate(GUTTER, 0);
    pen.fillStyle = BAND;
    pen.globalAlpha = row.kind === "own" || row.kind === "mark" ? 1 : 0.45;
    pen.fillRect(0, row.top, axis.toX(axis.frames), row.height);
    pen.globalAlpha = 1;
    if (row.kind === "own") paintOpen(pen, axis, row, { spans: judgedSpans(place.labels, row.name), hatch: open });
    if (row.kind === "own" || row.kind === "mark") paintOwn(pen, axis, row, { place, colour, hatch: open });
    if (row.kind === "person") paintBouts(pen, axis, row, { bouts: row.person.labels.bouts.filter(({ name }) => name === row.name), colour, alpha: 0.8 });
    if (row.kind === "model") paintModel(pen, axis, row, colour);
    pen.restore();
    paintName(pen, row, { colour, key: keyOf(row.name, classNames), chosen: place.chosen?.name === row.name });
  }
}

function paintName(pen, row, { colour, key, chosen }) {
  const middle = row.top + row.height / 2;
  pen.textBaseline = "middle";
  if (row.kind === "own" || row.kind === "mark") {
    pen.fillStyle = colour;
    pen.fillRect(8, row.top + 3, 4, row.height - 6);
    pen.fillStyle = "#97a1ac";
    pen.font = `11px ${FONT}`;
    pen.fillText(key, 18, middle + 0.5);
    pen.fillStyle = chosen ? "#fff" : row.kind === "mark" ? "#97a1ac" : "#e4e7ea";
    pen.font = `${chosen ? 600 : 400} ${row.kind === "mark" ? 11 : 13}px ${FONT}`;
    pen.fillText(shortened(pen, row.name, GUTTER - 46), 40, middle + 0.5);
    return;
  }
  pen.fillStyle = "#7d8791";
  pen.font = `${row.kind === "model" ? 10 : 9}px ${FONT}`;
  const name = shortened(pen, row.kind === "model" ? row.model.name : row.person.name, GUTTER - 52);
  pen.fillText(name, GUTTER - 8 - pen.measureText(name).width, middle + 0.5);
}

function shortened(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 1 && pen.measureText(`${text.slice(0, length)}…`).width > width) length--;
  return `${text.slice(0, length)}…`;
}

// What nobody has judged is hatched.
function paintOpen(pen, axis, row, { spans, hatch }) {
  pen.fillStyle = hatch;
  let from = 0;
  for (const [first, end] of [...spans, [axis.frames, axis.frames]]) {
    if (first > from) fillSpan(pen, axis, row, from, first);
    from = Math.max(from, end);
  }
}

function paintOwn(pen, axis, row, { place, colour, hatch }) {
  const bouts = inSight(place.labels.bouts, axis).filter(({ name }) => name === row.name);
  paintBouts(pen, axis, row, { bouts, colour, alpha: 1 });
  for (const bout of bouts) {
    const [x, width] = spanOf(axis, bout);
    if (bout.mark !== "yes") {
      pen.fillStyle = "rgba(18, 20, 23, 0.72)";
      pen.fillRect(x + 1, row.top + 3, Math.max(0, width - 2), row.height - 6);
      pen.fillStyle = hatch;
      pen.fillRect(x + 1, row.top + 3, Math.max(0, width - 2), row.height - 6);
    }
    if (width >= LABEL_PX) paintLabel(pen, row, bout, { x, width, colour });
    if (sameBout(bout, place.chosen)) {
      pen.strokeStyle = "#fff";
      pen.lineWidth = 2;
      pen.strokeRect(x + 1, row.top + 1, Math.max(1, width - 2), row.height - 2);
    }
  }
}

function paintLabel(pen, row, bout, { x, width, colour }) {
  const left = Math.max(x, 0) + 6;
  const text = bout.mark === "yes" ? bout.name : `${bout.name}: ${bout.mark}`;
  pen.font = `600 11px ${FONT}`;
  pen.textBaseline = "middle";
  pen.fillStyle = bout.mark === "yes" ? "rgba(0, 0, 0, 0.78)" : colour;
  if (left + pen.measureText(text).width < x + width - 4) pen.fillText(text, left, row.top + row.height / 2 + 0.5);
}

function paintBouts(pen, axis, row, { bouts, colour, alpha }) {
  pen.fillStyle = colour;
  pen.globalAlpha = alpha;
  for (const bout of inSight(bouts, axis)) {
    const [x, width] = spanOf(axis, bout);
    const gap = width > 4 ? 0.5 : 0; // between two bouts that touch
    pen.fillRect(x + gap, row.top, width - 2 * gap, row.height);
  }
  pen.globalAlpha = 1;
}

// The probability as a curve, and above it where the model decides that the class is on.
function paintModel(pen, axis, row, colour) {
  const values = row.model.probabilities[row.name];
  const [base, height] = [row.top + row.height, row.height - 5];
  pen.fillStyle = colour;
  pen.globalAlpha = 0.55;
  for (let x = 0; x < axis.width; x++) {
    const [from, to] = [Math.max(0, Math.floor(axis.toFrame(x))), Math.min(axis.frames, Math.max(Math.floor(axis.toFrame(x)) + 1, Math.floor(axis.toFrame(x + 1))))];
    let most = 0;
    for (let frame = from; frame < to; frame++) if (values[frame] !== UNKNOWN && values[frame] > most) most = values[frame];
    if (most) pen.fillRect(x, base - (height * most) / ONE, 1, (height * most) / ONE);
  }
  pen.globalAlpha = 1;
  paintBouts(pen, axis, { top: row.top, height: 3 }, { bouts: row.model.bouts.filter(({ name }) => name === row.name), colour, alpha: 1 });
}

function spanOf(axis, { first, end }) {
  const x = axis.toX(first);
  return [x, Math.max(LEAST_PX, axis.toX(end) - x)];
}

function fillSpan(pen, axis, row, first, end) {
  const [x, right] = [Math.max(axis.toX(first), 0), Math.min(axis.toX(end), axis.width)];
  if (right > x) pen.fillRect(x, row.top, right - x, row.height);
}

function inSight(bouts, axis) {
  return bouts.filter(({ first, end }) => end >= axis.left && first <= axis.right);
}

// Diagonal lines, as a pattern to fill with.
export function hatching(pen) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const drawing = tile.getContext("2d");
  drawing.strokeStyle = "#3a424c";
  drawing.lineWidth = 1.5;
  for (const shift of [-8, 0, 8]) {
    drawing.moveTo(shift, 8);
    drawing.lineTo(shift + 8, 0);
  }
  drawing.stroke();
  return pen.createPattern(tile, "repeat");
}
