// Pictures and poses of frames, loaded ahead of when they are shown.

import { Ahead, asked, pictureAt } from "./pictures.js";

const PICTURES = 64; // 80 MB of 640 × 480
const CHUNK = 512; // frames of poses that are loaded together
const CHUNKS = 24;

export class FrameSource {
  #pictures = new Ahead(pictureAt, PICTURES);
  #chunks = new Ahead(async (address) => new Float32Array(await (await asked(address)).arrayBuffer()), CHUNKS);

  // {picture, poses}: an ImageBitmap, or null where the video has none; [animals, points, 3] as one array, or null. `alone`: the frames
  // around it will not be asked for.
  async get(video, frame, { alone = false } = {}) {
    const name = encodeURIComponent(video.name);
    const address = `/api/frame?video=${name}&frame=${frame}${alone ? "&alone=1" : ""}`;
    const [picture, poses] = await Promise.all([video.pictures ? this.#pictures.get(address) : null, video.poses ? this.#posesOf(video, name, frame) : null]);
    return { picture, poses };
  }

  async #posesOf(video, name, frame) {
    const first = frame - (frame % CHUNK);
    const chunk = await this.#chunks.get(`/api/poses?video=${name}&first=${first}&count=${CHUNK}`);
    const length = video.poses.animals * video.poses.points.length * 3;
    return chunk.subarray((frame - first) * length, (frame - first + 1) * length);
  }
}
