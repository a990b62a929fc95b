// Two dialogs over names: finding a key point by typing, and adding points, lines, sides and tags to the project.

import { posted } from "./pictures.js";
import { element } from "./panel.js";

const byId = (id) => document.getElementById(id);

// Type a part of a name, or a number; Enter takes the first that fits.
export class PointFinder {
  constructor(session) {
    this.session = session;
    byId("find-text").addEventListener("input", () => this.#list());
    byId("find").addEventListener("keydown", (event) => event.key === "Enter" && this.#take(event));
  }

  open() {
    byId("find-text").value = "";
    this.#list();
    byId("find").showModal();
  }

  #fitting() {
    const text = byId("find-text").value.trim().toLowerCase();
    const points = this.session.project.point_names.map((name, point) => ({ name, point }));
    const numbered = points.filter(({ point }) => String(point + 1) === text);
    const begins = points.filter(({ name }) => name.toLowerCase().startsWith(text));
    const holds = points.filter(({ name }) => name.toLowerCase().includes(text));
    return [...new Map([...numbered, ...begins, ...holds].map((one) => [one.point, one])).values()];
  }

  #list() {
    const rows = this.#fitting().map(({ name, point }) => {
      const row = element("li");
      row.append(element("kbd", { text: point + 1 }), element("span", { className: "name", text: name }));
      row.addEventListener("click", () => this.#choose(point));
      return row;
    });
    byId("find-rows").replaceChildren(...rows);
  }

  #take(event) {
    event.preventDefault();
    const [first] = this.#fitting();
    if (first) this.#choose(first.point);
  }

  #choose(point) {
    byId("find").close();
    this.session.choosePoint(point);
  }
}

export class NameAdder {
  constructor(session) {
    this.session = session;
    const wanted = {
      "add-point": () => ({ point_names: [byId("new-point").value.trim()] }),
      "add-line": () => ({ skeleton: [[byId("line-from").value, byId("line-to").value]] }),
      "add-pair": () => ({ pairs: [[byId("pair-left").value, byId("pair-right").value]] }),
      "add-tag": () => ({ tags: [byId("new-tag").value.trim()] }),
    };
    for (const [id, asking] of Object.entries(wanted)) byId(id).addEventListener("submit", (event) => this.#add(event, asking()));
    byId("names-close").addEventListener("click", () => byId("names").close());
  }

  open() {
    byId("names-said").textContent = "";
    this.#fill();
    byId("names").showModal();
  }

  #fill() {
    const { point_names: names, skeleton, pairs, tags } = this.session.project;
    for (const id of ["line-from", "line-to", "pair-left", "pair-right"]) {
      const chosen = byId(id).value;
      byId(id).replaceChildren(...names.map((name) => element("option", { text: name })));
      byId(id).value = names.includes(chosen) ? chosen : names[id.endsWith("to") || id.endsWith("right") ? Math.min(1, names.length - 1) : 0];
    }
    byId("names-there").textContent = [
      `points: ${names.join(", ")}`,
      `lines: ${skeleton.map((pair) => pair.join("–")).join(", ") || "none"}`,
      `left and right: ${pairs.map((pair) => pair.join(" and ")).join(", ") || "none"}`,
      `tags: ${tags.join(", ") || "none"}`,
    ].join("\n");
  }

  async #add(event, asking) {
    event.preventDefault();
    const said = byId("names-said");
    const [[kind, [added]]] = Object.entries(asking);
    const text = [added].flat().join(" – ");
    if (!text) return void (said.textContent = "A name needs a letter or a digit.");
    const before = this.session.project[kind].length;
    try {
      this.session.addNames(await (await posted("/api/names", asking)).json());
    } catch (problem) {
      said.textContent = problem.message;
      return;
    }
    const fresh = this.session.project[kind].length > before;
    const more = kind === "point_names" && fresh ? " Once it is labelled in one frame, u goes to the frames that lack it." : "";
    said.textContent = fresh ? `${text} is added.${more}` : `${text} is there already.`;
    for (const id of ["new-point", "new-tag"]) byId(id).value = "";
    this.#fill();
  }
}
