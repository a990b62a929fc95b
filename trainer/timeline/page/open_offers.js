// Which of the bouts that were offered are not decided yet, and which comes next. Pure.

import { isJudged } from "./bout_model.js";

// Offers, in their order, whose frames are not all judged; labelsOf(video) says what was.
export function openOffers(offers, labelsOf) {
  return offers.filter(({ video, name, first, end }) => !isJudged(labelsOf(video), name, [first, end]));
}

// The one after that which is on hand, or the first; undefined where none is open.
export function offerAfter(open, video, offer) {
  const at = offer ? open.findIndex((one) => isOffer(one, video, offer)) : -1;
  return open[at + 1] ?? open[0];
}

// Whether a bout of a video is this offer; `as` are its edges before they were moved.
export function isOffer(offer, video, { name, first, end, as }) {
  const [from, to] = as ?? [first, end];
  return offer.video === video && offer.name === name && offer.first === from && offer.end === to;
}
