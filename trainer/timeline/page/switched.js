// What a class's key does at a frame: it starts a bout, ends the one that goes on, or ends one there. Pure.

import { MARKS, boutAt, withBout, withReplaced, withStart, withoutStart } from "./bout_model.js";

// {labels, chosen, notice}: the labels as they become, the bout that is then chosen, what is told; each only where there is one.
export function switched(labels, name, frame, rules) {
  const started = labels.started.find((one) => one.name === name);
  if (started) return stopped(labels, started, frame, rules);
  const bout = boutAt(labels, name, frame);
  if (bout?.first === frame) return { chosen: bout, notice: `${name} begins here already: Delete removes this bout.` };
  if (bout) return cutShort(labels, bout, frame, rules);
  const group = MARKS.includes(name) ? MARKS : rules.exclusive ? rules.classNames : [];
  const ended = labels.started.filter((one) => group.includes(one.name)).reduce((rest, one) => withEnd(rest, one, frame, rules), labels);
  return { labels: withStart(ended, name, frame) };
}

function stopped(labels, started, frame, rules) {
  if (frame < started.first) {
    return { notice: `${started.name} was started at frame ${started.first}, after this one: stop it there or later, or Esc forgets it.` };
  }
  const end = frame === rules.lastFrame ? frame + 1 : frame; // nothing comes after the last frame: a bout that goes on there has it
  const after = withEnd(labels, started, end, rules);
  return { labels: after, chosen: boutAt(after, started.name, started.first) };
}

function cutShort(labels, bout, frame, rules) {
  const shorter = { ...bout, end: frame };
  const notice = `${bout.name} ends before this frame now; it went on to frame ${bout.end - 1}. Ctrl+Z takes that back.`;
  return { labels: withReplaced(labels, bout, shorter, rules), chosen: shorter, notice };
}

// A bout that was started ends before this frame; one of no frame was never there, and one that lies ahead goes on.
function withEnd(labels, { name, first }, frame, rules) {
  if (frame < first) return labels;
  const rest = withoutStart(labels, name);
  return frame > first ? withBout(rest, { name, first, end: frame }, rules) : rest;
}
