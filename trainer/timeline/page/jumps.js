// Where to go next from a frame of a video: {frame, chosen, notice}, each only where there is one. Pure.

import { differences, openSpans } from "./bout_model.js";

// The bout that begins next after a frame (direction 1) or before it (-1).
export function nextBout({ labels, frame }, direction) {
  const found = labels.bouts.filter((bout) => (bout.first - frame) * direction > 0);
  const bout = direction > 0 ? found[0] : found.at(-1);
  return bout ? { frame: bout.first, chosen: bout } : { notice: `There is no bout ${direction > 0 ? "after" : "before"} this frame.` };
}

// The frame at which the next bout begins or ends.
export function nextEdge({ labels, frame }, direction) {
  const edges = labels.bouts.flatMap(({ first, end }) => [first, end]).filter((edge) => (edge - frame) * direction > 0);
  if (!edges.length) return { notice: `No bout begins or ends ${direction > 0 ? "after" : "before"} this frame.` };
  return { frame: direction > 0 ? Math.min(...edges) : Math.max(...edges) };
}

// Where the next frames begin that are not judged; after the last ones, the first ones again.
export function nextOpen({ labels, frame, video, rules }) {
  const open = openSpans(labels, rules.classNames, video.frames);
  const next = open.find(([first]) => first > frame) ?? open[0];
  return next ? { frame: next[0] } : { notice: "Every frame of this video is judged." };
}

// The next frames of which others say something else.
export function nextDifference({ labels, frame, people, rules }) {
  if (!people.length) return { notice: "Nobody else has labelled this video." };
  const found = people.flatMap((person) => differences(labels, person.labels, rules.classNames).map((one) => ({ ...one, person: person.name })));
  found.sort((one, other) => one.first - other.first);
  const next = found.find(({ first }) => first > frame) ?? found[0];
  if (!next) return { notice: "Where others have judged this video too, they say the same." };
  return { frame: next.first, notice: `${next.name}, frames ${next.first} to ${next.end - 1}: ${next.person} says otherwise.` };
}
