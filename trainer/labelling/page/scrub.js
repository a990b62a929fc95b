// Looking at the frames around a labelled one in its video, and adding one of them to the project.

import { Ahead, asked, pictureAt, posted } from "./pictures.js";
import { stateOf } from "./label_model.js";

const KEPT = 48; // pictures; 60 MB of 640 × 480

export class Scrub {
  #videos = new Map(); // group → promise of {frames} or {message}
  #pictures = new Ahead(pictureAt, KEPT);
  #aim = null; // the number that the keys have asked for, null where the frame itself is shown
  #wanted = null;
  #loading = false;

  // bar: {timeline, time, ticks, text, badge}
  constructor(session, stage, bar) {
    Object.assign(this, { session, stage, bar });
    bar.time.addEventListener("input", () => this.to(bar.time.valueAsNumber));
    bar.time.addEventListener("change", () => bar.time.blur());
    session.addEventListener("change", () => this.#show());
    session.addEventListener("frame", () => (this.#aim = null));
    new ResizeObserver(() => this.#show()).observe(bar.timeline);
  }

  step(by) {
    return this.to((this.#aim ?? this.session.frame.frame) + by);
  }

  // The newest aim counts: keys may be pressed while the video is being opened.
  async to(number) {
    const { session } = this;
    const { group, frame, image } = session.frame;
    this.#aim = number;
    const video = await this.#open(group);
    if (session.frame.image !== image || this.#aim === null) return;
    if (video.frames === null) {
      this.#aim = null;
      return session.tell(video.message);
    }
    const within = (this.#aim = Math.min(Math.max(this.#aim, 0), video.frames - 1));
    if (within === frame) return this.leave();
    if (within === session.scrubbed) return;
    session.scrubTo(within);
    this.#wanted = { group, number: within };
    this.#load();
  }

  leave() {
    this.#aim = null;
    if (this.session.scrubbed !== null) this.session.scrubTo(null);
  }

  // Put the shown frame into the project, and go to it.
  async add() {
    const { session } = this;
    if (session.scrubbed === null) return session.tell("j and l show the frames around this one in its video; i adds the one that is shown.");
    const asking = { group: session.frame.group, frame: session.scrubbed };
    const there = this.#inProject(asking.frame);
    if (there >= 0) return session.goTo(there);
    try {
      const entry = await (await posted("/api/frames", asking)).json();
      if (session.indexOf(entry.image) < 0) session.addFrame(entry);
    } catch (problem) {
      session.tell(problem.message);
    }
  }

  #inProject(number) {
    const { group } = this.session.frame;
    return this.session.frames.findIndex((one) => one.group === group && one.frame === number);
  }

  #open(group) {
    if (!this.#videos.has(group)) {
      const opened = asked(`/api/video?group=${encodeURIComponent(group)}`).then((response) => response.json());
      this.#videos.set(group, opened.catch((problem) => ({ frames: null, message: problem.message })));
      this.#videos.get(group).then((video) => {
        if (video.frames === null) this.#videos.delete(group); // asked for again, it is looked for again
        else this.#videos.get(group).known = video;
        this.#show();
      });
    }
    return this.#videos.get(group);
  }

  // The newest frame that is wanted; what was passed by in the meantime is never asked for.
  async #load() {
    if (this.#loading) return;
    this.#loading = true;
    for (let wanted; (wanted = this.#wanted); ) {
      this.#wanted = null;
      const { group, number } = wanted;
      const isCurrent = () => this.session.scrubbed === number && this.session.frame.group === group;
      try {
        const picture = await this.#pictures.get(`/api/video-frame?group=${encodeURIComponent(group)}&frame=${number}`);
        if (isCurrent()) this.stage.show(picture, { keep: true, scrubbed: number });
      } catch (problem) {
        if (isCurrent()) this.session.tell(problem.message);
      }
    }
    this.#loading = false;
  }

  #show() {
    const { session, bar } = this;
    const { frame, group, video } = session.frame;
    const known = this.#videos.get(group)?.known;
    const number = session.scrubbed ?? frame;
    bar.timeline.dataset.known = known ? "yes" : "no";
    bar.time.hidden = bar.ticks.hidden = !known;
    bar.text.textContent = known ? `${number} of ${known.frames}` : "j and l: the frames around this one in its video";
    bar.badge.hidden = session.scrubbed === null;
    if (session.scrubbed !== null) {
      const away = `${number > frame ? "+" : "−"}${Math.abs(number - frame)}`;
      const next = this.#inProject(number) >= 0 ? "in the project: i goes there" : "not in the project: i adds it";
      bar.badge.textContent = `${video}, frame ${number} (${away}) · ${next} · k back to frame ${frame}`;
    }
    if (!known) return;
    bar.time.max = known.frames - 1;
    bar.time.valueAsNumber = number;
    this.#drawTicks(known.frames);
  }

  // A tick for each frame of the project that is from this video, in the colour of its state.
  #drawTicks(count) {
    const { ticks } = this.bar;
    const [width, height] = [ticks.clientWidth, ticks.clientHeight];
    [ticks.width, ticks.height] = [Math.max(1, width * devicePixelRatio), Math.max(1, height * devicePixelRatio)];
    const pen = ticks.getContext("2d");
    pen.scale(devicePixelRatio, devicePixelRatio);
    const colours = { labelled: "#3fbf7f", begun: "#f0a742", undecided: "#f0a742", excluded: "#6b7480", untouched: "#97a1ac" };
    for (const { group, frame, label } of this.session.frames) {
      if (group !== this.session.frame.group) continue;
      pen.fillStyle = colours[stateOf(label, this.session.project)];
      pen.fillRect(8 + ((width - 16) * frame) / Math.max(1, count - 1) - 0.75, 0, 1.5, height); // 8: half of the slider's thumb
    }
  }
}
