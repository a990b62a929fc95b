// Put the page together: project, unsaved edits of an earlier page, picture, timeline, panel, keys.

import { Beside } from "./beside.js";
import { fromWire, sameWire } from "./bout_model.js";
import { FrameSource } from "./frame_source.js";
import { ImageFilter } from "./image_filter.js";
import { openKeptEdits } from "./kept_edits.js";
import { HELP, Keys } from "./keys.js";
import { Outbox } from "./outbox.js";
import { Panel, element } from "./panel.js";
import { PictureStage } from "./picture_stage.js";
import { asked } from "./pictures.js";
import { Player } from "./player.js";
import { TimelineMouse } from "./timeline_mouse.js";
import { TimelineView } from "./timeline_view.js";
import { Workplace } from "./workplace.js";

const RETRY_MS = 1000; // for a picture that did not come
const COMPARE_MS = 400; // after an edit was saved
const byId = (id) => document.getElementById(id);

async function start() {
  history.replaceState(null, "", "/"); // the token stays out of sight and out of bookmarks
  const project = await (await asked("/api/project")).json();
  const outbox = new Outbox(await openKeptEdits(project.key), {
    same: (one, other) => sameWire(one, other, project.class_names),
    bodyOf: (video, revision, label) => ({ video, revision, label }),
  });
  const place = new Workplace(project, outbox);
  await outbox.takeUp(new Map(place.videos.map((video) => [video.name, video])), (name, label) => (place.named(name).labels = fromWire(label)));
  const source = new FrameSource();
  const stage = new PictureStage(byId("stage"), byId("picture"));
  new ImageFilter(stage, { brightness: byId("brightness"), contrast: byId("contrast") });
  const player = new Player(place, source, (video, frame, shown) => stage.show(video, frame, shown));
  const view = new TimelineView(place, { head: byId("head"), scroll: byId("rows"), rows: byId("rows-canvas"), line: byId("line-canvas") });
  const mouse = new TimelineMouse(place, view);
  const beside = new Beside(place);
  const keys = new Keys({ place, player, view, mouse, stage, help: byId("help"), showPalette: (shown) => (byId("palette").hidden = !shown) });
  mouse.onName = (name) => keys.run({ action: () => place.switch(name), edits: true });
  new Panel(place, player, beside, { switch: mouse.onName });
  wire({ place, player, keys });
  listKeys();
  showFrames({ place, source, stage, keys });
  compareAfterSaving({ place, outbox, beside });
  addEventListener("beforeunload", (event) => outbox.waiting && outbox.problem && event.preventDefault());
  beside.load();
  place.goToVideo(rememberedIndex(project, place));
  place.addEventListener("video", () => remember(project, place));
}

function wire({ place, player, keys }) {
  const on = (id, what, call) => byId(id).addEventListener(what, call);
  const done = (id, call) => on(id, "change", () => [call(byId(id).valueAsNumber), byId(id).blur()]);
  on("play", "click", () => player.toggle());
  on("speed", "change", () => {
    place.speed = Number(byId("speed").value);
    byId("speed").blur();
  });
  done("frame", (frame) => Number.isFinite(frame) && place.goTo(frame));
  done("stride", (stride) => stride >= 1 && (place.stride = Math.round(stride)));
  const edits = { accept: () => place.accept(), reject: () => place.reject(), "judge-here": () => place.judgeUpToHere(), "delete-bout": () => place.deleteChosen() };
  for (const [id, action] of Object.entries(edits)) on(id, "click", () => keys.run({ action, edits: true }));
  on("next-offer", "click", () => place.nextOffer());
  on("play-bout", "click", () => keys.playChosen());
  addEventListener("click", ({ target }) => target.closest("button")?.blur()); // or Space would press it again
}

function listKeys() {
  for (const [keys, text] of HELP) {
    const row = element("tr", {});
    const cell = element("th", {});
    cell.append(...keys.split("  ").flatMap((key) => [element("kbd", { text: key }), " "]));
    row.append(cell, element("td", { text }));
    byId("help-rows").append(row);
  }
  byId("help-button").addEventListener("click", () => byId("help").showModal());
}

// Show the frame that is wanted when it is there; what was passed by in the meantime is never asked for.
function showFrames({ place, source, stage, keys }) {
  let [loading, wanted] = [false, false];
  async function show() {
    wanted = true;
    if (loading) return;
    loading = true;
    while (wanted) {
      wanted = false;
      const { video, frame } = place;
      try {
        const shown = await source.get(video, frame);
        if (place.video !== video || place.frame !== frame || place.ready) continue;
        stage.show(video, frame, shown);
        [place.ready, place.failed] = [true, null];
        place.say("shown");
      } catch (problem) {
        if (wanted) continue; // another frame by now
        keys.forget();
        place.failed = problem.message;
        place.tell(problem.message);
        setTimeout(() => place.failed && show(), RETRY_MS);
      }
    }
    loading = false;
    const { video, frame } = place;
    for (const near of [frame + 1, frame - 1]) if (near >= 0 && near < video.frames) source.get(video, near).catch(() => null); // said when it is shown
  }
  place.addEventListener("frame", show);
}

function compareAfterSaving({ place, outbox, beside }) {
  let timer = 0;
  place.addEventListener("saving", () => {
    clearTimeout(timer);
    if (!outbox.waiting) timer = setTimeout(() => beside.compare({ again: true }), COMPARE_MS);
  });
}

// Which video this browser showed: no label, so that losing it costs nothing.
function rememberedIndex(project, place) {
  const name = localStorage.getItem(`rigtrack-timeline-${project.key}`);
  return Math.max(0, place.videos.findIndex((video) => video.name === name));
}

function remember(project, place) {
  localStorage.setItem(`rigtrack-timeline-${project.key}`, place.video.name);
}

start().catch((problem) => {
  byId("notice").hidden = false;
  byId("notice").textContent = problem.message;
});
