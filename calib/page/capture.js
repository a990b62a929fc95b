// Ask how far it has come, draw it, and pass on the three buttons. Newest only: a slow browser skips pictures, never the camera.

const PAUSE_MS = 60;
const at = (id) => document.getElementById(id);
let shown = -1;
let finished = false;

const post = (path) => fetch(path, { method: "POST" }).catch(() => undefined);

function finish() {
  finished = true;
  post("/api/stop");
}

at("keep").addEventListener("click", () => post("/api/keep"));
at("undo").addEventListener("click", () => post("/api/undo"));
at("stop").addEventListener("click", finish);
const KEYS = { " ": () => post("/api/keep"), u: () => post("/api/undo"), q: finish };
document.addEventListener("keydown", (event) => {
  const act = KEYS[event.key];
  if (act && !event.repeat && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    act();
  }
});

function tell(state) {
  at("said").textContent = state.said;
  at("views").max = state.wanted;
  at("views").value = Math.min(state.kept, state.wanted);
  at("views-text").textContent = `${state.kept} of ${state.wanted}`;
  at("share").value = state.share;
  at("share-text").textContent = `${Math.round(100 * state.share)} %`;
  document.body.classList.toggle("complete", state.complete);
  at("heading").textContent = state.complete ? "Everything is there" : "Still missing";
  const clauses = state.complete ? ["Finish, then run calib solve."] : state.missing;
  at("missing").replaceChildren(...clauses.map((clause) => Object.assign(document.createElement("li"), { textContent: clause })));
}

async function show() {
  const answer = await fetch("/api/picture");
  if (!answer.ok) return;
  const address = URL.createObjectURL(await answer.blob());
  const picture = at("picture");
  await new Promise((shownOrNot) => {
    picture.onload = picture.onerror = shownOrNot; // not decode(), which waits for a picture that is hidden
    picture.src = address;
  });
  picture.hidden = false;
  at("waiting").hidden = true;
  URL.revokeObjectURL(address);
}

async function follow() {
  try {
    const state = await (await fetch("/api/state")).json();
    tell(state);
    if (state.has_picture && state.number !== shown) {
      shown = state.number;
      await show();
    }
  } catch {
    at("said").textContent = finished || document.body.classList.contains("complete") ? "Finished." : "The program has ended.";
    return;
  }
  setTimeout(follow, PAUSE_MS);
}

follow();
