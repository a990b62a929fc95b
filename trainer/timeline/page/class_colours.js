// A colour for each class, told apart by colour-blind people too as far as there are enough (after Okabe and Ito 2008).

import { MARKS } from "./bout_model.js";

const COLOURS = ["#56b4e9", "#e69f00", "#00b884", "#f0e442", "#ff7fbf", "#ff6a3d", "#b9a6ff", "#9ad14b", "#4fd6d6", "#d9a47a"];
const GREYS = ["#8b949e", "#c9b458"];

export function colourOf(name, classNames) {
  const mark = MARKS.indexOf(name);
  return mark >= 0 ? GREYS[mark] : COLOURS[Math.max(0, classNames.indexOf(name)) % COLOURS.length];
}

export function keyOf(name, classNames) {
  const place = classNames.indexOf(name);
  if (name === MARKS[0]) return "x";
  if (name === MARKS[1]) return "d";
  if (place < 0 || place > 19) return "";
  return place < 10 ? String((place + 1) % 10) : `⇧${(place - 9) % 10}`;
}
