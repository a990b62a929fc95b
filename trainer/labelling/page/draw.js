// Everything that is drawn over the picture: skeleton, labels, predictions, loupe.

import { comparedPoints } from "./compared.js";

const RING_PX = 6;
const OFFER_PX = 9;
const LOUPE_PX = 84; // radius
const LOUPE_TIMES = 4; // as large as the picture beside it, at least LOUPE_LEAST screen px for each image px
const LOUPE_LEAST = 8;
const DARK = "rgba(0, 0, 0, 0.75)";

// Of the point, or of the animal where there are several; the server sends the colours.
export function colourOf(session, animal, point) {
  return session.project.colours[session.project.animals > 1 ? animal : point];
}

// Names that are written so far, so that the next does not cover them.
export class Names {
  #boxes = [];
  #view;

  constructor(view) {
    this.#view = view;
  }

  // The first free place around a mark of this radius; the usual one if none is free.
  placeFor([x, y], { width, radius }) {
    const right = x + radius + 4;
    const left = x - radius - 4 - width;
    const near = [[right, y - radius], [right, y + radius + 8], [left, y - radius], [left, y + radius + 8]];
    const far = [1, 2, 3].flatMap((line) => [[right, y - radius - 14 * line], [right, y + radius + 8 + 14 * line]]);
    const places = [...near, ...far].map(([at, base]) => ({ left: at, right: at + width, top: base - 11, base, bottom: base + 3 }));
    const { stageWidth, stageHeight } = this.#view;
    const seen = places.filter(({ left, right, top, bottom }) => left >= 0 && right <= stageWidth && top >= 0 && bottom <= stageHeight);
    const free = seen.find((one) => this.#boxes.every((box) => apart(one, box))) ?? seen[0] ?? places[0];
    this.#boxes.push(free);
    return free;
  }

  // Keep names off a mark.
  keepOff([x, y], radius) {
    this.#boxes.push({ left: x - radius, right: x + radius, top: y - radius, bottom: y + radius });
  }
}

function apart(one, other) {
  return one.right <= other.left || other.right <= one.left || one.bottom <= other.top || other.bottom <= one.top;
}

export function drawAll(pen, session, view, dragged) {
  const label = dragged?.label ?? session.label;
  const offers = session.offers().filter((offer) => offer.name !== dragged?.name);
  const names = new Names(view);
  for (const points of label.animals) for (const place of Object.values(points)) if (Array.isArray(place)) names.keepOff(view.toScreen(...place), RING_PX);
  for (const { x, y } of offers) names.keepOff(view.toScreen(x, y), OFFER_PX);
  drawOffers(pen, session, view, { offers, names });
  drawLabels(pen, session, view, { label, names });
  if (session.jumped?.image === session.frame.image) drawCompared(pen, session, view, label);
}

// In a frame that was jumped to: where the network sees what is labelled, a cross in the colour of the point and a line to its label.
function drawCompared(pen, session, view, label) {
  for (const { animal, name, place, seen } of comparedPoints(label, session.prediction ?? [], session.project)) {
    const [[x0, y0], [x1, y1]] = [view.toScreen(...place), view.toScreen(...seen)];
    const colour = colourOf(session, animal, session.project.point_names.indexOf(name));
    for (const [width, stroke] of [[4, DARK], [1.5, colour]]) {
      pen.lineWidth = width;
      pen.strokeStyle = stroke;
      pen.beginPath();
      for (const [dx, dy] of [[5, 5], [5, -5]]) {
        pen.moveTo(x1 - dx, y1 - dy);
        pen.lineTo(x1 + dx, y1 + dy);
      }
      pen.stroke();
    }
    pen.lineWidth = 1;
    pen.setLineDash([2, 3]);
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
    pen.setLineDash([]);
  }
}

function drawLabels(pen, session, view, { label, names }) {
  label.animals.forEach((points, animal) => {
    pen.globalAlpha = animal === session.animal ? 1 : 0.6;
    drawSkeleton(pen, session, view, { points, animal });
    session.project.point_names.forEach((name, point) => {
      if (!Array.isArray(points[name])) return;
      const current = animal === session.animal && point === session.point;
      drawPoint(pen, view.toScreen(...points[name]), { colour: colourOf(session, animal, point), name, names, current });
    });
  });
  pen.globalAlpha = 1;
}

function drawSkeleton(pen, session, view, { points, animal }) {
  pen.lineWidth = 1.5;
  pen.strokeStyle = session.project.animals > 1 ? colourOf(session, animal, 0) : "rgba(255, 255, 255, 0.55)";
  for (const [one, other] of session.project.skeleton) {
    if (!Array.isArray(points[one]) || !Array.isArray(points[other])) continue;
    const [from, to] = shortened(view.toScreen(...points[one]), view.toScreen(...points[other]));
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  }
}

// Lines end at the rings, so that what is marked stays visible.
function shortened([x0, y0], [x1, y1]) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length <= 2 * RING_PX) return [[x0, y0], [x0, y0]];
  const [dx, dy] = [((x1 - x0) / length) * RING_PX, ((y1 - y0) / length) * RING_PX];
  return [[x0 + dx, y0 + dy], [x1 - dx, y1 - dy]];
}

function drawPoint(pen, [x, y], { colour, name, names, current }) {
  ring(pen, x, y, { radius: RING_PX, width: 4, colour: DARK });
  ring(pen, x, y, { radius: RING_PX, width: current ? 3 : 2, colour });
  pen.fillStyle = DARK;
  pen.fillRect(x - 1.5, y - 1.5, 3, 3);
  pen.fillStyle = colour;
  pen.fillRect(x - 0.75, y - 0.75, 1.5, 1.5);
  if (current) ring(pen, x, y, { radius: RING_PX + 4, width: 1, colour: "#fff" });
  write(pen, name, { at: [x, y], radius: current ? RING_PX + 3 : RING_PX, names, colour, weight: current ? 600 : 400 });
}

function drawOffers(pen, session, view, { offers, names }) {
  for (const { name, animal, x, y, confidence } of offers) {
    const [left, top] = view.toScreen(x, y);
    const colour = colourOf(session, animal, session.project.point_names.indexOf(name));
    const accepted = confidence >= session.accepting; // by "accept all"
    pen.globalAlpha = accepted ? 0.45 + 0.55 * confidence : 0.5;
    ring(pen, left, top, { radius: OFFER_PX, width: 3.5, colour: DARK });
    ring(pen, left, top, { radius: OFFER_PX, width: accepted ? 1.5 : 1, colour, dash: accepted ? [4, 3] : [1.5, 4] });
    const text = `${name}? ${Math.round(confidence * 100)} %`;
    write(pen, text, { at: [left, top], radius: OFFER_PX, names, colour, weight: "italic 400" });
    pen.globalAlpha = 1;
  }
}

export function isOnOffer([x, y], offer, view) {
  const [left, top] = view.toScreen(offer.x, offer.y);
  return Math.hypot(x - left, y - top) <= OFFER_PX + 2;
}

// The picture around a place, enlarged, in the corner that is farthest from it.
export function drawLoupe(pen, picture, view, { place, filter }) {
  const [x, y] = view.toScreen(...place);
  const centreX = x < view.stageWidth / 2 ? view.stageWidth - LOUPE_PX - 16 : LOUPE_PX + 16;
  const centreY = LOUPE_PX + 16;
  const scale = Math.max(view.scale * LOUPE_TIMES, LOUPE_LEAST);
  pen.save();
  pen.beginPath();
  pen.arc(centreX, centreY, LOUPE_PX, 0, 2 * Math.PI);
  pen.fillStyle = "#000";
  pen.fill();
  pen.clip();
  pen.imageSmoothingEnabled = false;
  pen.filter = filter;
  pen.drawImage(picture, centreX - (place[0] + 0.5) * scale, centreY - (place[1] + 0.5) * scale, picture.width * scale, picture.height * scale);
  pen.filter = "none";
  crossHair(pen, centreX, centreY);
  pen.restore();
  ring(pen, centreX, centreY, { radius: LOUPE_PX, width: 2, colour: "#8a94a0" });
}

// Light on dark and dark on light; its middle is left open.
function crossHair(pen, x, y) {
  for (const [width, colour] of [[3, "rgba(0, 0, 0, 0.55)"], [1, "#fff"]]) {
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(x + dx * 6, y + dy * 6);
      pen.lineTo(x + dx * LOUPE_PX, y + dy * LOUPE_PX);
    }
    pen.stroke();
  }
}

function ring(pen, x, y, { radius, width, colour, dash = [] }) {
  pen.setLineDash(dash);
  pen.lineWidth = width;
  pen.strokeStyle = colour;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.stroke();
  pen.setLineDash([]);
}

function write(pen, text, { at, radius, names, colour, weight }) {
  pen.font = `${weight} 12px system-ui, "DejaVu Sans", sans-serif`;
  const { left, base } = names.placeFor(at, { width: pen.measureText(text).width, radius });
  pen.lineWidth = 3;
  pen.lineJoin = "round";
  pen.strokeStyle = DARK;
  pen.strokeText(text, left, base);
  pen.fillStyle = paler(colour);
  pen.fillText(text, left, base);
}

// Half white: letters in a dark colour could not be read.
function paler(colour) {
  const parts = [1, 3, 5].map((at) => (parseInt(colour.slice(at, at + 2), 16) + 255) >> 1);
  return `rgb(${parts.join(" ")})`;
}
