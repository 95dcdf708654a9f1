// What forms can do with a script and can do without: show a password, copy an address, tell times as they are here.

import { language, say } from "./words.js";

for (const button of document.querySelectorAll("[data-reveals]")) {
  const field = document.getElementById(button.dataset.reveals);
  button.hidden = false;
  button.addEventListener("click", () => reveal(field, button, field.type === "password"));
  // Sent as a password, so that no browser keeps it as a word that was once typed.
  field.form.addEventListener("submit", () => reveal(field, button, false));
}

function reveal(field, button, now) {
  field.type = now ? "text" : "password";
  button.setAttribute("aria-pressed", String(now));
}

for (const time of document.querySelectorAll("main time[datetime]:not([datetime=''])")) {
  time.textContent = new Date(time.dateTime).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}

const address = document.querySelector("[data-link]");
if (address) {
  // A reload shows the klien's page, rather than making another link.
  history.replaceState(null, "", location.pathname.replace(/\/link-tokens$/, ""));
  const copy = document.querySelector('[data-action="copy"]');
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    document.getElementById("copied").textContent = say((await copied(address)) ? "copied" : "copy_by_hand");
  });
}

/** Browsers give pages the clipboard over https and on this machine only; elsewhere the older way still works. */
async function copied(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
