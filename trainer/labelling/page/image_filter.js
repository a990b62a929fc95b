// Brightness and contrast of the picture; they change what is seen, never a file.

const STEP = 1.15;

export class ImageFilter {
  constructor(stage, sliders) {
    this.stage = stage;
    this.sliders = sliders; // {brightness, contrast}
    for (const slider of Object.values(sliders)) {
      slider.addEventListener("input", () => this.#show());
      slider.addEventListener("change", () => slider.blur());
    }
  }

  step(which, direction) {
    const slider = this.sliders[which];
    const value = slider.valueAsNumber * STEP ** direction;
    slider.valueAsNumber = Math.abs(value - slider.valueAsNumber) < 0.1 ? slider.valueAsNumber + 0.1 * direction : value;
    this.#show();
  }

  reset() {
    for (const slider of Object.values(this.sliders)) slider.valueAsNumber = 1;
    this.#show();
  }

  #show() {
    this.stage.setFilter(this.sliders.brightness.valueAsNumber, this.sliders.contrast.valueAsNumber);
  }
}
