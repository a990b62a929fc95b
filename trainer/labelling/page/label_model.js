// What a label is and how far a frame is. Pure: nothing here touches the page or the network.

export const HIDDEN = "hidden";

export function emptyLabel() {
  return { animals: [], excluded: false, tags: [] };
}

export function placeOf(label, animal, name) {
  return label?.animals[animal]?.[name];
}

// A copy with one point placed ([x, y]), HIDDEN, or not labelled (undefined).
export function withPoint(label, animal, name, place) {
  const animals = label.animals.map((points) => ({ ...points }));
  while (animals.length <= animal) animals.push({});
  if (place === undefined) delete animals[animal][name];
  else animals[animal][name] = place;
  return { ...label, animals };
}

export function withTag(label, tag, project) {
  const wanted = new Set(label.tags);
  if (!wanted.delete(tag)) wanted.add(tag);
  return { ...label, tags: project.tags.filter((name) => wanted.has(name)) };
}

// As it is stored: no empty animals at the end, points in the project's order; null where nothing was said.
export function canonical(label, project) {
  if (label === null) return null;
  const animals = label.animals.map((points) =>
    Object.fromEntries(project.point_names.filter((name) => name in points).map((name) => [name, points[name]])),
  );
  while (animals.length && !Object.keys(animals.at(-1)).length) animals.pop();
  const tags = project.tags.filter((tag) => label.tags.includes(tag));
  if (!animals.length && !label.excluded && !tags.length) return null;
  return { animals, excluded: label.excluded, tags };
}

export function sameLabel(one, other, project) {
  return JSON.stringify(canonical(one, project)) === JSON.stringify(canonical(other, project));
}

const states = new WeakMap(); // a label is never changed, only replaced; with thousands of frames this is what keeps counting cheap

// "untouched", "begun", "labelled" (every point of each animal that was begun is placed or hidden) or "excluded".
export function stateOf(label, project) {
  if (label === null) return "untouched";
  if (!states.has(label)) states.set(label, judge(label, project));
  return states.get(label);
}

function judge(label, project) {
  if (label.excluded) return "excluded";
  const begun = label.animals.filter((points) => Object.keys(points).length);
  const whole = begun.every((points) => project.point_names.every((name) => name in points));
  return begun.length && whole ? "labelled" : "begun";
}

// The next point that is not labelled: after `from`, round this animal, then the animals after it. Null where all are.
export function nextMissing(label, animal, from, project) {
  const names = project.point_names;
  for (let step = 0; step < project.animals; step++) {
    const which = (animal + step) % project.animals;
    for (let offset = 1; offset <= names.length; offset++) {
      const point = step === 0 ? (from + offset) % names.length : offset - 1;
      if (placeOf(label, which, names[point]) === undefined) return { animal: which, point };
    }
  }
  return null;
}

export function countStates(frames, project) {
  const counts = { untouched: 0, begun: 0, labelled: 0, excluded: 0 };
  const tags = Object.fromEntries(project.tags.map((tag) => [tag, 0]));
  for (const frame of frames) {
    counts[stateOf(frame.label, project)]++;
    for (const tag of frame.label?.tags ?? []) tags[tag]++;
  }
  return { ...counts, tags };
}
