// What went wrong, as a sentence; and how long to wait, where the server says so.

import { duration } from "./clock.js";
import { language, say } from "./words.js";

const TICK = 500;

const box = document.getElementById("trouble");
const text = document.getElementById("trouble-text");
const wait = document.getElementById("trouble-wait");

let until = 0;

setInterval(() => until && countDown(), TICK);

/** Show a sentence, or none. It goes by itself once it has been waited for. */
export function complain(sentence, retryAfter = 0) {
  until = retryAfter ? Date.now() + retryAfter * 1000 : 0;
  text.textContent = sentence;
  box.hidden = !sentence;
  countDown();
}

/** Whatever a server's answer says that isn't as it was wished; nothing if it is. */
export function complainOf(answer) {
  if (answer?.error) complain(answer.error.message?.[language] ?? say("failed"), answer.error.retry_after);
  else if (answer?.warning) complain(say(answer.warning));
  else if (!answer || !Object.keys(answer).length) complain(say("failed"));
}

function countDown() {
  const left = (until - Date.now()) / 1000;
  wait.hidden = !until;
  if (until && left <= 0) complain("");
  else if (until) wait.textContent = say("wait", { left: duration(left, say("second")) });
}
