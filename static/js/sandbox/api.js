// What is asked of the sandbox; what it refuses is told in its own words.

import { at } from "./parts.js";
import { language, say } from "./words.js";

const TOLD_FOR = 6000;

const toast = at("toast");
let timer = 0;

toast.querySelector("button").addEventListener("click", () => tell(""));

/** A sentence at the foot of the page; good news goes by itself. */
export function tell(sentence, group = "danger") {
  clearTimeout(timer);
  toast.dataset.group = group;
  toast.firstElementChild.textContent = sentence;
  toast.hidden = !sentence;
  if (sentence && group !== "danger") timer = setTimeout(() => tell(""), TOLD_FOR);
}

/** The answer; null if there was none, or a refusal, which has been told then. */
export async function ask(method, path, body) {
  const answer = await send(method, path, body);
  return answer && (answer.status === 204 ? {} : answer.json());
}

/** The answer's body as bytes. */
export async function download(path) {
  return (await send("GET", path))?.blob() ?? null;
}

async function send(method, path, body) {
  tell("");
  const isForm = body instanceof FormData;
  const how = isForm ? { body } : body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  try {
    const answer = await fetch(`/sandbox/api${path}`, { method, ...how });
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    tell(problem.message?.[language] ?? say("failed"));
  } catch {
    tell(say("failed"));
  }
  return null;
}

/** The button of this action rests while something is under way. */
export async function busy(button, work) {
  button.disabled = true;
  try {
    return await work();
  } finally {
    button.disabled = false;
  }
}
