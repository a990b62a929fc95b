// Pictures and predictions of the frames around the one that is shown, loaded ahead so that stepping does not wait.

const KEPT = 12; // 60 MB of pictures of 1280 × 1024

// Load once, keep the most recently used.
class Ahead {
  #loaded = new Map();
  #load;

  constructor(load) {
    this.#load = load;
  }

  get(image) {
    const found = this.#loaded.get(image) ?? this.#load(image);
    this.#loaded.delete(image);
    this.#loaded.set(image, found);
    found.catch(() => this.#loaded.delete(image)); // asked for again, it is tried again
    for (const oldest of this.#loaded.keys()) {
      if (this.#loaded.size <= KEPT) break;
      this.#loaded.delete(oldest);
    }
    return found;
  }
}

export class Pictures extends Ahead {
  constructor() {
    super(async (image) => {
      const response = await asked(`/${image.split("/").map(encodeURIComponent).join("/")}`);
      try {
        return await createImageBitmap(await response.blob(), { colorSpaceConversion: "none" });
      } catch {
        throw new Error(`${image}: is no picture that this browser can show; put the file back`);
      }
    });
  }
}

export class Predictions extends Ahead {
  constructor() {
    super(async (image) => (await (await asked(`/api/prediction?image=${encodeURIComponent(image)}`)).json()).animals);
  }
}

export async function asked(address) {
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Error("the server does not answer: start `trainer label` again");
  }
  if (!response.ok) throw new Error((await response.json()).message);
  return response;
}
