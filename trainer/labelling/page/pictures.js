// Pictures and predictions of the frames around the one that is shown, loaded ahead so that stepping does not wait.

const KEPT = 12; // 60 MB of pictures of 1280 × 1024

// Load once, keep the most recently used.
export class Ahead {
  #loaded = new Map();
  #load;
  #kept;

  constructor(load, kept = KEPT) {
    this.#load = load;
    this.#kept = kept;
  }

  get(image) {
    const found = this.#loaded.get(image) ?? this.#load(image);
    this.#loaded.delete(image);
    this.#loaded.set(image, found);
    found.catch(() => this.#loaded.delete(image)); // asked for again, it is tried again
    for (const oldest of this.#loaded.keys()) {
      if (this.#loaded.size <= this.#kept) break;
      this.#loaded.delete(oldest);
    }
    return found;
  }
}

export class Pictures extends Ahead {
  constructor() {
    super((image) => pictureAt(`/${image.split("/").map(encodeURIComponent).join("/")}`));
  }
}

export async function pictureAt(address) {
  const response = await asked(address);
  try {
    return await createImageBitmap(await response.blob(), { colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${decodeURIComponent(address)}: is no picture that this browser can show; put the file back`);
  }
}

export class Predictions extends Ahead {
  constructor() {
    super(async (image) => (await (await asked(`/api/prediction?image=${encodeURIComponent(image)}`)).json()).animals);
  }
}

export function posted(address, value) {
  return asked(address, { method: "POST", body: JSON.stringify(value) });
}

export async function asked(address, request = {}) {
  let response;
  try {
    response = await fetch(address, request);
  } catch {
    throw new Error(`the server does not answer: start \`${command()}\` again`);
  }
  if (!response.ok) throw new Error((await response.json()).message);
  return response;
}

// Which command serves this page, for sentences.
export function command() {
  return document.documentElement.dataset.command;
}
