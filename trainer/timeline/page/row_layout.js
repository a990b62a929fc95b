// Where the rows of the timeline are: for each class the annotator's own bouts, then a thin row for everybody else, then one for each
// model; below, the two marks that go for all classes. Pure; lengths in CSS px.

export const GUTTER = 148; // names, at the left
const OWN = 22;
const PERSON = 8;
const MODEL = 17;
const MARK = 15;
const GAP = 5;

// {height, rows: [{kind: "own" | "person" | "model" | "mark", name, top, height, person, model}]}
export function rowLayout({ classNames, marks, people, models }) {
  const rows = [];
  let top = 3;
  const add = (kind, name, height, more = {}) => {
    rows.push({ kind, name, top, height, ...more });
    top += height + 1;
  };
  for (const name of classNames) {
    add("own", name, OWN);
    for (const person of people) add("person", name, PERSON, { person });
    for (const model of models) if (model.class_names.includes(name)) add("model", name, MODEL, { model });
    top += GAP;
  }
  for (const name of marks) add("mark", name, MARK);
  return { rows, height: top + 4 };
}

export function rowAt(layout, y) {
  return layout.rows.find((row) => row.top <= y && y < row.top + row.height + 1) ?? null;
}

export function isOwn(row) {
  return row?.kind === "own" || row?.kind === "mark";
}
