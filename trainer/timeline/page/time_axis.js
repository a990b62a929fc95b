// Which frames of a video the timeline shows, and where. Pure. A frame covers toX(frame) to toX(frame + 1).

const CLOSEST_PX = 24; // a frame at the closest

export class TimeAxis {
  frames = 1; // of the video
  width = 1; // px
  left = 0; // the frame at the left edge, with a fraction
  perPx = 1; // frames

  toX(frame) {
    return (frame - this.left) / this.perPx;
  }

  toFrame(x) {
    return this.left + x * this.perPx;
  }

  // The frame that is drawn at x.
  frameAt(x) {
    return Math.min(Math.max(Math.floor(this.toFrame(x)), 0), this.frames - 1);
  }

  // The boundary between two frames that is nearest to x.
  edgeAt(x) {
    return Math.min(Math.max(Math.round(this.toFrame(x)), 0), this.frames);
  }

  get right() {
    return this.left + this.width * this.perPx;
  }

  get isFitted() {
    return this.perPx >= this.#widest;
  }

  get #widest() {
    return this.frames / this.width;
  }

  resize(width) {
    const fitted = this.isFitted;
    this.width = Math.max(1, width);
    if (fitted) this.fit();
    else this.#clamp();
  }

  fit() {
    [this.left, this.perPx] = [0, this.#widest];
  }

  zoomAt(x, factor) {
    const frame = this.toFrame(x);
    this.perPx = Math.min(Math.max(this.perPx / factor, 1 / CLOSEST_PX), this.#widest);
    this.left = frame - x * this.perPx;
    this.#clamp();
  }

  pan(frames) {
    this.left += frames;
    this.#clamp();
  }

  // Turn the page if a frame is not in sight.
  show(frame) {
    if (frame >= this.left && frame + 1 <= this.right) return;
    this.left = frame - this.width * this.perPx * (frame >= this.right ? 0.1 : 0.5);
    this.#clamp();
  }

  // Frames of interest in the middle third of what is seen, which is `least` frames at least, unless they are in sight and large enough.
  showSpan(first, end, least) {
    const wanted = Math.max(3 * (end - first), least) / this.width;
    if (this.perPx > 2 * wanted || this.perPx < wanted / 2) this.perPx = Math.min(Math.max(wanted, 1 / CLOSEST_PX), this.#widest);
    if (first < this.left || end > this.right) this.left = (first + end - this.width * this.perPx) / 2;
    this.#clamp();
  }

  #clamp() {
    this.left = Math.max(0, Math.min(this.left, this.frames - this.width * this.perPx));
  }
}

// Lengths between two marks of the ruler, in seconds.
const TICKS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600];

export function tickSeconds(framesPerPx, fps, leastPx) {
  const seconds = (framesPerPx * leastPx) / fps;
  return TICKS_S.find((each) => each >= seconds) ?? TICKS_S.at(-1);
}

export function timeText(seconds, { digits = 0 } = {}) {
  const whole = Math.floor(seconds + 1e-9);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const fraction = digits ? (seconds - whole).toFixed(digits).slice(1) : "";
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}${fraction}` : `${minutes}:${two(rest)}${fraction}`;
}
