// What labels of a video say, and every change of them as a new value. Pure.
//
// {bouts: [{name, first, end, mark}], started: [{name, first}], judged: {class: [[first, end], ...]}}: frames from `first` to before
// `end`. Stretches in which nothing can be told, or that somebody must decide, are bouts of the names in MARKS; `mark` is of a bout of
// a class. Where a class was judged and no bout is, it is "no".

export const MARKS = ["uncuratable", "to decide"];

export function emptyLabels() {
  return { bouts: [], started: [], judged: {} };
}

// From the server's form, which tells stretches from bouts; null for none.
export function fromWire(label) {
  if (!label) return emptyLabels();
  const bouts = label.bouts.map(({ name, first, end, mark }) => ({ name, first, end, mark: mark ?? "yes" }));
  const stretches = label.stretches.map(({ first, end, mark }) => ({ name: mark, first, end, mark: "yes" }));
  return { bouts: [...bouts, ...stretches].sort(inOrder), started: label.started, judged: label.judged };
}

// To the server's form: one form for one meaning.
export function toWire(labels, classNames) {
  const bouts = [...labels.bouts].sort(inOrder);
  const judged = classNames.map((name) => [name, union(labels.judged[name] ?? [])]).filter(([, spans]) => spans.length);
  return {
    bouts: bouts.filter(({ name }) => !MARKS.includes(name)).map(({ name, first, end, mark }) => (mark === "yes" ? { name, first, end } : { name, first, end, mark })),
    stretches: bouts.filter(({ name }) => MARKS.includes(name)).map(({ name, first, end }) => ({ first, end, mark: name })),
    started: [...labels.started].sort((one, other) => one.first - other.first || compare(one.name, other.name)).map(({ name, first }) => ({ name, first })),
    judged: Object.fromEntries(judged),
  };
}

// Two labels in the server's form; null for none.
export function sameWire(one, other, classNames) {
  return JSON.stringify(toWire(fromWire(one), classNames)) === JSON.stringify(toWire(fromWire(other), classNames));
}

export function boutAt(labels, name, frame) {
  return labels.bouts.find((bout) => bout.name === name && bout.first <= frame && frame < bout.end) ?? null;
}

export function sameBout(one, other) {
  return Boolean(one && other) && one.name === other.name && one.first === other.first && one.end === other.end;
}

// Classes whose bouts may not share a frame with one of this name.
function excludedBy(name, { classNames, exclusive }) {
  if (MARKS.includes(name)) return MARKS;
  return exclusive ? classNames : [name];
}

// With a bout painted over what is there: frames that it excludes are cut out of other bouts.
export function withBout(labels, bout, rules) {
  const excluded = excludedBy(bout.name, rules);
  const bouts = labels.bouts.flatMap((one) => (excluded.includes(one.name) ? cutBout(one, bout) : [one]));
  const painted = { ...labels, bouts: [...bouts, { mark: "yes", ...bout }].sort(inOrder) };
  const judged = MARKS.includes(bout.name) ? [] : rules.exclusive ? rules.classNames : [bout.name];
  return withJudged(painted, judged, [bout.first, bout.end]);
}

// Its frames stay judged: it is "no" there.
export function withoutBout(labels, bout) {
  const rest = { ...labels, bouts: labels.bouts.filter((one) => !sameBout(one, bout)) };
  return MARKS.includes(bout.name) ? rest : withJudged(rest, [bout.name], [bout.first, bout.end]);
}

export function withReplaced(labels, bout, by, rules) {
  return withBout(withoutBout(labels, bout), by, rules);
}

export function withStart(labels, name, frame) {
  return { ...labels, started: [...labels.started, { name, first: frame }] };
}

export function withoutStart(labels, name) {
  return { ...labels, started: labels.started.filter((one) => one.name !== name) };
}

export function withJudged(labels, names, span) {
  const judged = { ...labels.judged };
  for (const name of names) judged[name] = union([...(judged[name] ?? []), span]);
  return { ...labels, judged };
}

export function withUnjudged(labels, names, span) {
  const judged = { ...labels.judged };
  for (const name of names) judged[name] = (judged[name] ?? []).flatMap((one) => cut(one, span));
  return { ...labels, judged };
}

const judgedBefore = new WeakMap(); // labels → {class: spans}: labels never change, and there is one answer for each

// The frames of a class of which something was said.
export function judgedSpans(labels, name) {
  if (!judgedBefore.has(labels)) judgedBefore.set(labels, new Map());
  const known = judgedBefore.get(labels);
  if (!known.has(name)) known.set(name, findJudged(labels, name));
  return known.get(name);
}

function findJudged(labels, name) {
  const started = labels.started.find((one) => one.name === name);
  const listed = (labels.judged[name] ?? []).map(([first, end]) => [first, started ? Math.min(end, started.first) : end]);
  const said = labels.bouts.filter((bout) => bout.name === name || MARKS.includes(bout.name)).map(({ first, end }) => [first, end]);
  return union([...listed, ...said].filter(([first, end]) => first < end));
}

export function isJudged(labels, name, [first, end]) {
  return judgedSpans(labels, name).some((span) => span[0] <= first && end <= span[1]);
}

const openBefore = new WeakMap(); // labels → {frames, spans}

// The frames that at least one class leaves open, up to the video's end.
export function openSpans(labels, classNames, frames) {
  const known = openBefore.get(labels);
  if (known?.frames === frames) return known.spans;
  const spans = union(classNames.flatMap((name) => complement(judgedSpans(labels, name), frames)));
  openBefore.set(labels, { frames, spans });
  return spans;
}

// Stretches in which two people's bouts of any class differ, [{name, first, end}]; only where both have judged.
export function differences(mine, theirs, classNames) {
  const found = classNames.flatMap((name) => {
    const both = intersection(judgedSpans(mine, name), judgedSpans(theirs, name));
    const [one, other] = [mine, theirs].map((labels) => union(labels.bouts.filter((bout) => bout.name === name && bout.mark === "yes").map(({ first, end }) => [first, end])));
    const apart = [...subtracted(one, other), ...subtracted(other, one)];
    return intersection(union(apart), both).map(([first, end]) => ({ name, first, end }));
  });
  return found.sort(inOrder);
}

// --- spans ---

export function union(spans) {
  const merged = [];
  for (const [first, end] of [...spans].sort((one, other) => one[0] - other[0])) {
    const last = merged.at(-1);
    if (last && first <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([first, end]);
  }
  return merged;
}

// Both in order, each without overlaps.
export function intersection(spans, others) {
  const found = [];
  for (let i = 0, j = 0; i < spans.length && j < others.length; ) {
    const [first, end] = [Math.max(spans[i][0], others[j][0]), Math.min(spans[i][1], others[j][1])];
    if (first < end) found.push([first, end]);
    if (spans[i][1] < others[j][1]) i++;
    else j++;
  }
  return found;
}

// Of spans in order, what lies between them up to the end.
function complement(spans, frames) {
  const left = [];
  let from = 0;
  for (const [first, end] of [...spans, [frames, frames]]) {
    if (first > from) left.push([from, Math.min(first, frames)]);
    from = Math.max(from, end);
  }
  return left;
}

// What of the first lies in none of the others; both in order, each without overlaps.
export function subtracted(spans, others) {
  return intersection(spans, complement(others, Infinity));
}

function cut(span, by) {
  const [[first, end], [from, to]] = [span, by];
  if (to <= first || end <= from) return [span];
  return [
    [first, from],
    [to, end],
  ].filter((left) => left[0] < left[1]);
}

function cutBout(bout, by) {
  if (by.end <= bout.first || bout.end <= by.first) return [bout];
  return cut([bout.first, bout.end], [by.first, by.end]).map(([first, end]) => ({ ...bout, first, end }));
}

function inOrder(one, other) {
  return one.first - other.first || one.end - other.end || compare(one.name, other.name);
}

function compare(one, other) {
  return one < other ? -1 : one > other ? 1 : 0;
}
