// The page's words come with the page: talkabiz/sandbox/words.py has them all.

const words = JSON.parse(document.getElementById("words").textContent);

export const language = document.documentElement.lang;

/** The sentence by this name, with its {places} filled in. */
export function say(name, values = {}) {
  return words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}
