// The white tile with the code, and the clock beside it.

import { duration, isLongPast, secondsUntil } from "./clock.js";
import { say } from "./words.js";

const tile = document.getElementById("tile");
const clock = document.getElementById("clock");
const clockText = document.getElementById("clock-text");
const ring = document.getElementById("ring");
const ringLeft = document.getElementById("ring-left");

/**
 * Show this code, or none. As a picture, not as markup: a picture can't run anything, whatever it holds, and the page's
 * policy allows `data:` for pictures alone. Without a code nothing of the last one stays in the page.
 */
export function showQr(qr) {
  tile.hidden = !qr;
  if (!qr) {
    tile.replaceChildren();
    delete tile.dataset.qr;
    return;
  }
  const picture = new Image();
  picture.alt = say("qr");
  picture.src = `data:image/svg+xml,${encodeURIComponent(qr.svg)}`;
  tile.replaceChildren(picture);
  tile.dataset.qr = qr.n;
}

/** What counts down: the code's own time, or the time until the program tries again. */
export function showClock(snapshot) {
  // A dead code misleads: the phone accepts it and hangs. Past its time, with the server unheard, it goes.
  const qr = snapshot.qr && !isLongPast(snapshot.qr.expires_at) ? snapshot.qr : null;
  if (!qr && !tile.hidden) showQr(null);
  clock.hidden = !qr && !snapshot.retry_at;
  ring.toggleAttribute("hidden", !qr);
  if (qr) {
    const left = secondsUntil(qr.expires_at);
    const life = (Date.parse(qr.expires_at) - Date.parse(qr.issued_at)) / 1000;
    clockText.textContent = say("code_left", { n: qr.n, of: qr.of, seconds: Math.ceil(left) });
    ringLeft.setAttribute("stroke-dashoffset", String(100 - Math.min(100, (100 * left) / life)));
  } else if (snapshot.retry_at) {
    clockText.textContent = say("retry", { left: duration(secondsUntil(snapshot.retry_at), say("second")) });
  }
}
