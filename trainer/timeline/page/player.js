// Playing a video at a chosen speed. No frame is passed over that should be shown: where pictures do not come in time, it plays slower.

const SHOWN_HZ = 30; // pictures a second at most; faster, only every second, third … frame is shown
const AHEAD = 6; // pictures
const FAR = 4; // frames between two pictures from which the server need not read those between

export class Player {
  playing = false;
  #run = 0; // number of the play that is going on
  #until = Infinity;

  constructor(place, source, show) {
    [this.place, this.source, this.show] = [place, source, show];
  }

  toggle() {
    if (this.playing) this.stop();
    else this.play();
  }

  stop() {
    if (!this.playing) return;
    this.playing = false;
    this.#run++;
    this.place.say("change");
  }

  // From a frame to before another, and then stop.
  playSpan(first, end) {
    this.stop();
    this.place.goTo(first);
    this.play(end);
  }

  get strideNow() {
    return Math.max(1, Math.ceil((this.place.video.fps * this.place.speed) / SHOWN_HZ));
  }

  async play(until = Infinity) {
    const { place, source } = this;
    if (place.frame >= place.video.frames - 1) return place.tell("This is the last frame.");
    [this.playing, this.#until] = [true, until];
    const run = ++this.#run;
    const isGoing = () => this.playing && this.#run === run;
    place.say("change");
    let due = performance.now();
    while (isGoing()) {
      const { video, frame } = place;
      const [stride, last] = [this.strideNow, Math.min(video.frames - 1, this.#until)];
      const next = Math.min(frame + stride, last);
      const options = { alone: stride >= FAR };
      for (let ahead = 1; ahead <= AHEAD; ahead++) if (next + ahead * stride < video.frames) source.get(video, next + ahead * stride, options).catch(() => null);
      due = Math.max(due + ((next - frame) * 1000) / (video.fps * place.speed), performance.now() - 100);
      try {
        const shown = await source.get(video, next, options);
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
        if (!isGoing() || place.video !== video) break;
        if (place.frame !== frame) continue; // went elsewhere meanwhile; it goes on from there
        this.show(video, next, shown);
        place.showNext(next);
      } catch (problem) {
        this.stop();
        place.tell(problem.message);
      }
      if (place.frame >= last) this.stop();
    }
    if (isGoing()) this.stop();
  }
}
