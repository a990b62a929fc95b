// Frames in the order of what a bundle says of them: labels that are far from its places, and unlabelled frames that it is unsure in.
// It is asked about one frame at a time, in the background, so that the frame that is shown never waits for long.

import { comparedPoints } from "./compared.js";
import { absentPoints, placeOf, stateBut } from "./label_model.js";
import { asked } from "./pictures.js";

export class Ranking {
  #found = new Map(); // image → prediction, null where it failed
  #visited = { error: new Set(), uncertainty: new Set() };
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

  // Go to the worst frame that has not been gone to; "error" among the labelled ones, "uncertainty" among the others.
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

  // The point that is farthest from where the network sees it.
  #error(frame) {
    const prediction = this.#found.get(frame.image);
    if (!prediction || !frame.label || frame.label.excluded) return null;
    const worst = comparedPoints(frame.label, prediction, this.session.project).sort((one, other) => other.px - one.px)[0];
    return worst ? { frame, ...worst } : null;
  }

  // By the point whose confidence is farthest below what is usual for it, of those that the frame lacks, or of all where it lacks none:
  // a point that is never there is never sure, and says nothing.
  #byDoubt() {
    const { frames, project } = this.session;
    const absent = absentPoints(frames, project);
    const usual = project.point_names.map((name) => median([...this.#found.values()].flatMap((animals) => (animals ?? []).map((one) => one[name]?.[2] ?? 0))));
    const open = frames.filter(({ image, label }) => this.#found.get(image) && ["untouched", "begun", "undecided"].includes(stateBut(label, project, absent)));
    return open
      .map((frame) => {
        const lacks = project.point_names.flatMap((name, point) =>
          this.#found.get(frame.image).map((one, animal) => ({ animal, point, sure: one[name]?.[2] ?? 0, lack: usual[point] - (one[name]?.[2] ?? 0) })),
        );
        const missing = lacks.filter(({ animal, point }) => {
          const name = project.point_names[point];
          return !absent.has(name) && placeOf(frame.label, animal, name) === undefined;
        });
        const asked = missing.length ? missing : lacks;
        const { animal, point, sure, lack } = asked.sort((one, other) => other.lack - one.lack)[0] ?? { animal: 0, point: 0, sure: 0, lack: 0 };
        const text = `the network is ${percent(sure)} sure of ${project.point_names[point]}, usually ${percent(usual[point])}`;
        return { frame, animal, point, lack, text };
      })
      .sort((one, other) => other.lack - one.lack);
  }
}

function median(values) {
  return values.sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}
