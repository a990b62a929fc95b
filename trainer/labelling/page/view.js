// Where the picture is on the screen. Pixel centres are whole numbers: pixel i covers i - 0.5 to i + 0.5, on the screen
// left + i * scale to left + (i + 1) * scale. Lengths on the screen are CSS pixels from the stage's corner.

const MOST = 64; // screen px for each image px
const MARGIN = 40; // screen px of the picture that cannot be panned away

export class View {
  width = 1; // of the picture
  height = 1;
  stageWidth = 1;
  stageHeight = 1;
  scale = 1;
  left = 0;
  top = 0;

  toImage(x, y) {
    return [(x - this.left) / this.scale - 0.5, (y - this.top) / this.scale - 0.5];
  }

  toScreen(x, y) {
    return [this.left + (x + 0.5) * this.scale, this.top + (y + 0.5) * this.scale];
  }

  // Into the picture, whose border is half a pixel beyond the first and last centres.
  clamp([x, y]) {
    return [Math.min(Math.max(x, -0.5), this.width - 0.5), Math.min(Math.max(y, -0.5), this.height - 0.5)];
  }

  contains([x, y]) {
    return x >= -0.5 && y >= -0.5 && x <= this.width - 0.5 && y <= this.height - 0.5;
  }

  get #fitting() {
    return Math.min(this.stageWidth / this.width, this.stageHeight / this.height);
  }

  fit() {
    this.scale = Math.min(this.#fitting, MOST);
    this.left = (this.stageWidth - this.width * this.scale) / 2;
    this.top = (this.stageHeight - this.height * this.scale) / 2;
  }

  // The picture's point under (x, y) stays there.
  zoomAt(x, y, factor) {
    const scale = Math.min(Math.max(this.scale * factor, Math.min(this.#fitting / 2, 1)), Math.max(MOST, this.#fitting));
    this.left = x - ((x - this.left) / this.scale) * scale;
    this.top = y - ((y - this.top) / this.scale) * scale;
    this.scale = scale;
    this.pan(0, 0);
  }

  pan(dx, dy) {
    this.left = Math.min(Math.max(this.left + dx, MARGIN - this.width * this.scale), this.stageWidth - MARGIN);
    this.top = Math.min(Math.max(this.top + dy, MARGIN - this.height * this.scale), this.stageHeight - MARGIN);
  }
}
