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
  return { ...label, tags: inOrder([...wanted], project.tags) };
}

// Every point of one animal that is not labelled, as hidden.
export function withRestHidden(label, animal, project) {
  return project.point_names.reduce(
    (filled, name) => (placeOf(filled, animal, name) === undefined ? withPoint(filled, animal, name, HIDDEN) : filled),
    label,
  );
}

// One animal with left and right exchanged.
export function withSidesSwapped(label, animal, project) {
  return project.pairs.reduce((swapped, [left, right]) => {
    const [one, other] = [placeOf(label, animal, left), placeOf(label, animal, right)];
    return withPoint(withPoint(swapped, animal, left, other), animal, right, one);
  }, label);
}

// As it is stored: no empty animals at the end, points in the project's order; null where nothing was said. Names that this page does
// not know, because they were added elsewhere since it was loaded, are kept.
export function canonical(label, project) {
  if (label === null) return null;
  const animals = label.animals.map((points) =>
    Object.fromEntries(inOrder(Object.keys(points), project.point_names).map((name) => [name, points[name]])),
  );
  while (animals.length && !Object.keys(animals.at(-1)).length) animals.pop();
  const tags = inOrder(label.tags, project.tags);
  if (!animals.length && !label.excluded && !tags.length && !label.to_decide) return null;
  return { animals, excluded: label.excluded, tags, ...(label.to_decide ? { to_decide: true } : {}) };
}

function inOrder(there, names) {
  return [...names.filter((name) => there.includes(name)), ...there.filter((name) => !names.includes(name))];
}

export function sameLabel(one, other, project) {
  return JSON.stringify(canonical(one, project)) === JSON.stringify(canonical(other, project));
}

let states = new WeakMap(); // a label is never changed, only replaced; with thousands of frames this is what keeps counting cheap

// Names were added: labels that were whole are not any more.
export function forgetStates() {
  states = new WeakMap();
}

// "untouched", "begun", "labelled" (every point of each animal that was begun is placed or hidden), "excluded" or "undecided".
export function stateOf(label, project) {
  if (label === null) return "untouched";
  if (!states.has(label)) states.set(label, judge(label, project));
  return states.get(label);
}

function judge(label, project) {
  if (label.excluded) return "excluded";
  if (label.to_decide) return "undecided";
  const begun = label.animals.filter((points) => Object.keys(points).length);
  const whole = begun.every((points) => project.point_names.every((name) => name in points));
  return begun.length && whole ? "labelled" : "begun";
}

const ENOUGH = 5; // frames that were begun; in fewer, a point that is in none of them may just not have been come to

// Points that no frame has, although enough frames were begun: nobody labels them here.
export function absentPoints(frames, project) {
  const begun = frames.filter(({ label }) => label?.animals.some((points) => Object.keys(points).length));
  if (begun.length < ENOUGH) return new Set();
  const seen = new Set(begun.flatMap(({ label }) => label.animals.flatMap((points) => Object.keys(points))));
  return new Set(project.point_names.filter((name) => !seen.has(name)));
}

// Whether a frame still wants labels, of points other than these.
export function wantsLabels(label, project, absent) {
  const state = stateOf(label, project);
  if (state === "untouched") return true;
  if (state !== "begun") return false;
  const begun = label.animals.filter((points) => Object.keys(points).length);
  return !begun.length || begun.some((points) => project.point_names.some((name) => !(name in points) && !absent.has(name)));
}

// How far a frame is where nobody asks for these points: one that lacks nothing else is "labelled".
export function stateBut(label, project, absent) {
  const state = stateOf(label, project);
  return state === "begun" && label.animals.some((points) => Object.keys(points).length) && !wantsLabels(label, project, absent) ? "labelled" : state;
}

// The first point that two labels differ in, null where they differ in none.
export function changedPoint(one, other, project) {
  for (let animal = 0; animal < project.animals; animal++) {
    const point = project.point_names.findIndex(
      (name) => JSON.stringify(placeOf(one, animal, name)) !== JSON.stringify(placeOf(other, animal, name)),
    );
    if (point >= 0) return { animal, point };
  }
  return null;
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

// Frames in each state, and with each tag.
export function countStates(frames, project) {
  const counts = { untouched: 0, begun: 0, labelled: 0, excluded: 0, undecided: 0 };
  const tags = Object.fromEntries(project.tags.map((tag) => [tag, 0]));
  for (const frame of frames) {
    counts[stateOf(frame.label, project)]++;
    for (const tag of frame.label?.tags ?? []) tags[tag] = (tags[tag] ?? 0) + 1;
  }
  return { ...counts, tags };
}
