// Labels beside what a network sees. Pure.

import { LEAST_CONFIDENCE } from "./offers.js";

// [{animal, point, name, place, seen, px}] of every labelled point that the network sees too; of several animals, the predicted one
// that lies nearest to the labelled one on average.
export function comparedPoints(label, prediction, project) {
  return (label?.animals ?? []).flatMap((points, animal) => {
    const each = prediction.map((predicted) => apart(points, predicted, project)).filter((found) => found.length);
    const nearest = each.sort((one, other) => mean(one) - mean(other))[0] ?? [];
    return nearest.map((one) => ({ animal, ...one }));
  });
}

function apart(points, predicted, project) {
  return project.point_names.flatMap((name, point) => {
    const [place, seen] = [points[name], predicted[name]];
    return Array.isArray(place) && seen?.[2] >= LEAST_CONFIDENCE ? [{ point, name, place, seen: seen.slice(0, 2), px: Math.hypot(place[0] - seen[0], place[1] - seen[1]) }] : [];
  });
}

function mean(distances) {
  return distances.reduce((sum, { px }) => sum + px, 0) / distances.length;
}
