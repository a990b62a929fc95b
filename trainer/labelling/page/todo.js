// Which frame is to be labelled next. Pure.

import { absentPoints, stateOf, wantsLabels } from "./label_model.js";

// {index} of the next frame after this one, round the list, that wants labels, or else waits for a decision; {sentence} where none does.
export function nextToLabel(frames, index, project) {
  const offsets = [...Array(frames.length).keys()].slice(1);
  const others = offsets.map((offset) => (index + offset) % frames.length);
  const absent = absentPoints(frames, project);
  const next =
    others.find((one) => wantsLabels(frames[one].label, project, absent)) ??
    others.find((one) => stateOf(frames[one].label, project) === "undecided");
  if (next !== undefined) return { index: next };
  const but = absent.size ? ` (${[...absent].join(", ")}: in no frame, so not asked for)` : "";
  return { sentence: `No other frame is left to label${but}.` };
}
