// What an engine offers in one frame, and a label with offers taken. Pure: a prediction is [{name: [x, y, confidence]}], one an animal.

import { placeOf, withPoint } from "./label_model.js";

export const LEAST_CONFIDENCE = 0.1; // predicted points below are neither shown nor accepted
const SAME_PX = 1e-6;

// [{animal, name, x, y, confidence}]
export function offersOf(prediction) {
  return prediction.flatMap((points, animal) =>
    Object.entries(points)
      .filter(([, [, , confidence]]) => confidence >= LEAST_CONFIDENCE)
      .map(([name, [x, y, confidence]]) => ({ animal, name, x, y, confidence })),
  );
}

export function isTaken(label, { animal, name, x, y }, project) {
  if (project.animals === 1) return placeOf(label, animal, name) !== undefined;
  return label.animals.some((points) => same(points[name], [x, y]));
}

export function withOffers(label, offers, prediction, project) {
  const slots = new Map();
  let filled = label;
  for (const { animal, name, x, y } of offers) {
    if (!slots.has(animal)) slots.set(animal, slotFor(prediction[animal], filled, project));
    const slot = slots.get(animal);
    if (slot >= 0 && placeOf(filled, slot, name) === undefined) filled = withPoint(filled, slot, name, [x, y]);
  }
  return filled;
}

// Which labelled animal a predicted one is: the one that has a point of it, or the first that has none at all.
function slotFor(points, label, project) {
  if (project.animals === 1) return 0;
  const animals = [...Array(project.animals).keys()];
  const owner = animals.find((animal) => Object.entries(points).some(([name, place]) => same(placeOf(label, animal, name), place)));
  return owner ?? animals.find((animal) => !Object.keys(label.animals[animal] ?? {}).length) ?? -1;
}

function same(place, [x, y]) {
  return Array.isArray(place) && Math.abs(place[0] - x) < SAME_PX && Math.abs(place[1] - y) < SAME_PX;
}
