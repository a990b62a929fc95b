// Put the page together: project, unsaved edits of an earlier page, stage, panel, keys.

import { openKeptEdits } from "./kept_edits.js";
import { HELP, Keys } from "./keys.js";
import { ImageFilter } from "./image_filter.js";
import { sameLabel } from "./label_model.js";
import { NameAdder, PointFinder } from "./names.js";
import { Outbox } from "./outbox.js";
import { Panel, element } from "./panel.js";
import { Pictures, Predictions, asked } from "./pictures.js";
import { Ranking } from "./ranking.js";
import { Scrub } from "./scrub.js";
import { Session } from "./session.js";
import { Stage } from "./stage.js";

const RETRY_MS = 1000; // for a picture that did not come
const byId = (id) => document.getElementById(id);

async function start() {
  history.replaceState(null, "", "/"); // the token stays out of sight and out of bookmarks
  const project = await (await asked("/api/project")).json();
  const outbox = new Outbox(await openKeptEdits(project.key), {
    same: (one, other) => sameLabel(one, other, project),
    bodyOf: (image, revision, label) => ({ image, revision, label }),
  });
  const session = new Session(project, outbox);
  const stage = new Stage(session, { stage: byId("stage"), picture: byId("picture"), overlay: byId("overlay"), pointer: byId("pointer") });
  session.accepting = Number(localStorage.getItem("rigtrack-label-accept") ?? session.accepting);
  const ranking = new Ranking(session);
  const panel = new Panel(session, stage, ranking);
  const scrub = new Scrub(session, stage, { timeline: byId("timeline"), time: byId("time"), ticks: byId("ticks"), text: byId("time-text"), badge: byId("scrubbed") });
  session.addEventListener("change", () => {
    panel.update();
    stage.draw();
  });
  session.addEventListener("frames", () => panel.listFrames());
  session.addEventListener("ranked", () => panel.showRanking());
  session.addEventListener("zoom", () => panel.showZoom());
  session.addEventListener("saving", () => panel.showSaving());
  outbox.addEventListener("revision", ({ detail }) => queueMicrotask(() => panel.updateFrame(session.indexOf(detail.key))));
  const dialogs = { help: byId("help"), finder: new PointFinder(session), adder: new NameAdder(session) };
  new Keys({ session, stage, scrub, ranking, ...dialogs, showPalette: (shown) => panel.showPalette(shown), filter: filterOf(stage) });
  listKeys();
  const showFrame = frameShower(session, stage);
  session.addEventListener("frame", showFrame);
  addEventListener("beforeunload", (event) => outbox.waiting && outbox.problem && event.preventDefault());
  const there = new Map(session.frames.map((frame) => [frame.image, frame]));
  await outbox.takeUp(there, (image, label) => (session.frames[session.indexOf(image)].label = label));
  session.frames.forEach((frame, index) => outbox.has(frame.image) && panel.updateFrame(index));
  session.goTo(rememberedIndex(project.key, session.frames));
  session.addEventListener("frame", () => remember(project.key, session.frame.image));
}

function filterOf(stage) {
  return new ImageFilter(stage, { brightness: byId("brightness"), contrast: byId("contrast") });
}

function listKeys() {
  for (const [keys, text] of HELP) {
    const row = element("tr");
    const cell = element("th");
    cell.append(...keys.split("  ").flatMap((key) => [element("kbd", { text: key }), " "]));
    row.append(cell, element("td", { text }));
    byId("help-rows").append(row);
  }
  byId("help-button").addEventListener("click", () => byId("help").showModal());
}

// Show the session's frame when its picture is there, unless another has been gone to by then; load its neighbours.
function frameShower(session, stage) {
  const pictures = new Pictures();
  const predictions = session.project.bundle ? new Predictions() : null;
  return async function show() {
    const { frame, index } = session;
    stage.show(null);
    predictions?.get(frame.image).then(
      (found) => session.frame === frame && ((session.prediction = found), session.say("change")),
      (problem) => session.frame === frame && session.tell(problem.message),
    );
    try {
      const picture = await pictures.get(frame.image);
      if (session.frame !== frame || session.scrubbed !== null) return;
      [session.ready, session.notice] = [true, null];
      stage.show(picture, { keep: session.keepView || stage.keepZoom });
      session.say("change");
    } catch (problem) {
      if (session.frame !== frame) return;
      session.tell(problem.message);
      setTimeout(() => session.frame === frame && show(), RETRY_MS);
      return;
    }
    for (const near of [index + 1, index + 2, index - 1]) {
      const image = session.frames[near]?.image;
      if (image) for (const ahead of [pictures, predictions]) ahead?.get(image).catch(() => null); // said when that frame is shown
    }
  };
}

// Where this browser was: a place in the list, no label, so that losing it costs nothing.
function rememberedIndex(key, frames) {
  const image = localStorage.getItem(`rigtrack-label-${key}`);
  return Math.max(0, frames.findIndex((frame) => frame.image === image));
}

function remember(key, image) {
  localStorage.setItem(`rigtrack-label-${key}`, image);
}

start().catch((problem) => {
  byId("notice").hidden = false;
  byId("notice").textContent = problem.message;
});
