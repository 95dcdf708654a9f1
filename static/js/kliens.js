// The list of kliens: each row says how its session is, live.

import { isNewer, openLink } from "./link.js";
import { groupOf, maskPhone, setIcon, wordOf } from "./looks.js";
import { complain, complainOf } from "./trouble.js";
import { language } from "./words.js";

const list = document.getElementById("kliens");
const rows = new Map([...document.querySelectorAll("[data-klien]")].map((row) => [Number(row.dataset.klien), row]));
const known = new Map();

const ask = openLink({
  arrive: readAll,
  show,
  listening: () => {},
  end: () => {},
});

/** Everything that this page shows, in as many helpings as the server likes to give. */
async function readAll() {
  if (!list) return null;
  let after = Number(list.dataset.after);
  while (after !== null && after < Number(list.dataset.last)) {
    const answer = await ask("subscribe", { klien_id: "*", after });
    complain("");
    if (!answer?.snapshots) {
      complainOf(answer);
      return answer;
    }
    answer.snapshots.forEach(show);
    after = answer.next;
  }
  return null;
}

function show(snapshot) {
  const row = rows.get(snapshot.klien_id);
  if (!row || !isNewer(snapshot, known.get(snapshot.klien_id))) return;
  known.set(snapshot.klien_id, snapshot);
  const group = groupOf(snapshot);
  row.dataset.status = snapshot.status;
  row.dataset.group = group;
  setIcon(row.querySelector("use"), group);
  field(row, "status", wordOf(snapshot.status));
  field(row, "message", snapshot.message[language]);
  field(row, "phone", snapshot.me ? maskPhone(snapshot.me.phone) : "");
}

function field(row, name, text) {
  row.querySelector(`[data-field="${name}"]`).textContent = text;
}
