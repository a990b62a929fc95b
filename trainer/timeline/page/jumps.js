// Where to go next from a frame of a video. Pure.

import { differences, openSpans } from "./bout_model.js";

// The bout that begins next after a frame (direction 1) or before it (-1).
export function nextBout(labels, frame, direction) {
  const found = labels.bouts.filter((bout) => (bout.first - frame) * direction > 0);
  return direction > 0 ? found[0] : found.at(-1);
}

// The frame at which the next bout begins or ends.
export function nextEdge(labels, frame, direction) {
  const edges = labels.bouts.flatMap(({ first, end }) => [first, end]).filter((edge) => (edge - frame) * direction > 0);
  if (edges.length) return direction > 0 ? Math.min(...edges) : Math.max(...edges);
}

// Where the next frames begin that are not judged; after the last ones, the first ones again.
export function nextOpenFrame(labels, { classNames }, frame, frames) {
  const open = openSpans(labels, classNames, frames);
  return (open.find(([first]) => first > frame) ?? open[0])?.[0];
}

// The next frames of which others say something else: {name, first, end, person}.
export function nextDifference(labels, people, { classNames }, frame) {
  const found = people.flatMap((person) => differences(labels, person.labels, classNames).map((one) => ({ ...one, person: person.name })));
  found.sort((one, other) => one.first - other.first);
  return found.find(({ first }) => first > frame) ?? found[0];
}
