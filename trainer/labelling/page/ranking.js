// Frames in the order of what a bundle says of them: labels that are far from its places, and unlabelled frames that it is unsure in.
// It is asked about one frame at a time, in the background, so that the frame that is shown never waits for long.

import { stateOf } from "./label_model.js";
import { asked } from "./pictures.js";

export class Ranking {
  #found = new Map(); // image → prediction, null where it failed
  #visited = { error: new Set(), doubt: new Set() };
  #asking = false;

  constructor(session) {
    this.session = session;
    if (session.project.bundle) this.#ask();
    session.addEventListener("frames", () => session.project.bundle && this.#ask());
  }

  get asked() {
    return this.#found.size;
  }

  // px between label and prediction of the worst point, undefined where there is nothing to compare.
  errorOf(frame) {
    return this.#error(frame)?.px;
  }

  // Go to the worst frame that has not been gone to; "error" among the labelled ones, "doubt" among the others.
  next(kind) {
    const { session } = this;
    if (!session.project.bundle) return session.tell("No --bundle was given, so nothing can be compared with the labels.");
    const ranked = kind === "error" ? this.#byError() : this.#byDoubt();
    const visited = this.#visited[kind];
    const place = ranked.findIndex(({ frame }) => !visited.has(frame.image));
    const some = this.asked < session.frames.length ? ` (${this.asked} of ${session.frames.length} frames compared so far)` : "";
    if (place < 0) {
      visited.clear();
      const what = kind === "error" ? "No other labelled frame can be compared" : "No other frame is without labels";
      return session.tell(`${what}${some}; the same key begins again with the worst.`);
    }
    const { frame, animal, point, text } = ranked[place];
    visited.add(frame.image);
    session.jumped = { image: frame.image, text: `${place + 1} of ${ranked.length}${some}: ${text}` };
    session.goTo(session.indexOf(frame.image));
    session.select(animal, point);
  }

  async #ask() {
    if (this.#asking) return;
    this.#asking = true;
    for (let next; (next = this.session.frames.find(({ image }) => !this.#found.has(image))); ) {
      try {
        this.#found.set(next.image, (await (await asked(`/api/prediction?image=${encodeURIComponent(next.image)}`)).json()).animals);
      } catch {
        this.#found.set(next.image, null); // said when that frame is shown
      }
      this.session.say("ranked");
    }
    this.#asking = false;
  }

  #byError() {
    const errors = this.session.frames.map((frame) => this.#error(frame)).filter(Boolean);
    return errors
      .sort((one, other) => other.px - one.px)
      .map((error) => ({ ...error, text: `${this.session.project.point_names[error.point]} is labelled ${error.px.toFixed(1)} px from where the network sees it` }));
  }

  // The point that is farthest from its prediction; of several animals, from the predicted one that lies nearest on average.
  #error(frame) {
    const { project } = this.session;
    const prediction = this.#found.get(frame.image);
    if (!prediction || !frame.label || frame.label.excluded) return null;
    const worst = frame.label.animals.flatMap((points, animal) => {
      const each = prediction.map((predicted) => apart(points, predicted, project)).filter((distances) => distances.length);
      const nearest = each.sort((one, other) => mean(one) - mean(other))[0] ?? [];
      return nearest.map(({ point, px }) => ({ frame, animal, point, px }));
    });
    return worst.sort((one, other) => other.px - one.px)[0] ?? null;
  }

  // By the point whose confidence is farthest below what is usual for it: a point that is never there is never sure, and says nothing.
  #byDoubt() {
    const { frames, project } = this.session;
    const usual = project.point_names.map((name) => median([...this.#found.values()].flatMap((animals) => (animals ?? []).map((one) => one[name]?.[2] ?? 0))));
    const open = frames.filter(({ image, label }) => this.#found.get(image) && ["untouched", "begun", "undecided"].includes(stateOf(label, project)));
    return open
      .map((frame) => {
        const lacks = project.point_names.flatMap((name, point) =>
          this.#found.get(frame.image).map((one, animal) => ({ animal, point, sure: one[name]?.[2] ?? 0, lack: usual[point] - (one[name]?.[2] ?? 0) })),
        );
        const { animal, point, sure, lack } = lacks.sort((one, other) => other.lack - one.lack)[0] ?? { animal: 0, point: 0, sure: 0, lack: 0 };
        const text = `the network is ${percent(sure)} sure of ${project.point_names[point]}, usually ${percent(usual[point])}`;
        return { frame, animal, point, lack, text };
      })
      .sort((one, other) => other.lack - one.lack);
  }
}

function apart(points, predicted, project) {
  return project.point_names.flatMap((name, point) => {
    const [place, seen] = [points[name], predicted[name]];
    return Array.isArray(place) && seen ? [{ point, px: Math.hypot(place[0] - seen[0], place[1] - seen[1]) }] : [];
  });
}

function mean(distances) {
  return distances.reduce((sum, { px }) => sum + px, 0) / distances.length;
}

function median(values) {
  return values.sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}
