// One klien: its state in words, its QR, and the three buttons. Everything comes by the socket.

import { dayAndTime, setClock } from "./clock.js";
import { isNewer, openLink } from "./link.js";
import { groupOf, maskPhone, setIcon, wordOf } from "./looks.js";
import { showClock, showQr } from "./qr.js";
import { complain, complainOf } from "./trouble.js";
import { language, say } from "./words.js";

const TICK = 250;
const PAIRING = new Set(["qr_requested", "qr_ready", "scanning"]);

const at = (id) => document.getElementById(id);
const panel = at("panel");
const connect = at("connect");
const disconnect = at("disconnect");
const refresh = panel.querySelector('[data-action="refresh"]');
const question = at("question");
const klienId = Number(panel.dataset.klien);

let shown = null;
let hears = false;
let waiting = false;
let gone = false;

const ask = openLink({
  arrive: async () => take(await ask("subscribe", { klien_id: klienId })),
  show,
  listening: (now) => {
    hears = now;
    unlock();
  },
  end: () => {
    leave();
    if (!at("ended")) return;
    at("live").hidden = true;
    at("ended").hidden = false;
  },
});

connect.addEventListener("click", () => wish("start"));
refresh.addEventListener("click", () => wish("refresh"));
disconnect.addEventListener("click", () => {
  // What is only being linked can be broken off without asking: nothing is lost by it.
  if (shown && (PAIRING.has(shown.status) || shown.status === "expired")) wish("disconnect_wa");
  else question.showModal();
});
question.addEventListener("close", () => {
  if (question.returnValue === "yes") wish("disconnect_wa");
});
setInterval(() => shown && showClock(shown), TICK);

/** Ask for something; the buttons rest until the answer is there. */
async function wish(command) {
  waiting = true;
  unlock();
  complain("");
  take(await ask(command, { klien_id: klienId }));
  waiting = false;
  unlock();
}

/** An answer: a snapshot, a snapshot with what was missed, an error, or null. It is handed back. */
function take(answer) {
  if (answer?.error?.code === "not_found") {
    leave();
    complain(say("gone"));
  } else if (!gone && (answer || hears)) complainOf(answer);
  if (answer && !answer.error) show(answer.snapshot ?? answer);
  return answer;
}

function show(snapshot) {
  if (gone || snapshot.klien_id !== klienId || !isNewer(snapshot, shown)) return;
  const before = shown;
  shown = snapshot;
  setClock(snapshot.server_now);
  const group = groupOf(snapshot);
  panel.dataset.status = snapshot.status;
  panel.dataset.group = group;
  setIcon(at("pill-icon"), group);
  setIcon(at("figure-icon"), group);
  at("status").textContent = wordOf(snapshot.status);
  at("message").textContent = snapshot.message[language];
  at("steps").hidden = snapshot.status !== "qr_ready";
  at("cover").hidden = snapshot.status !== "expired";
  at("figure").hidden = Boolean(snapshot.qr);
  if (snapshot.qr?.code !== before?.qr?.code) showQr(snapshot.qr);
  showClock(snapshot);
  showAccount(snapshot);
  showButtons(snapshot);
  announce(snapshot, before);
  // What couldn't be had has come all the same.
  if (snapshot.status !== before?.status && (PAIRING.has(snapshot.status) || snapshot.status === "connected")) complain("");
}

function showAccount({ me, status, since }) {
  at("account").hidden = !me || PAIRING.has(status);
  at("account-name").textContent = me?.name || "–";
  at("account-phone").textContent = me ? maskPhone(me.phone) : "";
  at("account-since").textContent = dayAndTime(since, language);
  at("account-since").dateTime = since;
}

function showButtons({ status, reason, me }) {
  connect.hidden = status !== "disconnected" && status !== "error";
  connect.textContent = say(connectWord(status, reason));
  disconnect.hidden = !me && !PAIRING.has(status) && status !== "reconnecting" && status !== "connected";
  disconnect.textContent = say(PAIRING.has(status) ? "cancel" : "disconnect");
  unlock();
}

function connectWord(status, reason) {
  if (reason === "replaced") return "use_here";
  if (status === "error") return "again";
  return reason === "stopped" ? "continue" : "connect";
}

/** A button works while we hear the server and nothing is being asked. */
function unlock() {
  for (const button of [connect, disconnect, refresh]) button.disabled = !hears || waiting || gone;
}

/** For who listens rather than looks: milestones alone, never the ticking. */
function announce(snapshot, before) {
  const isNew = snapshot.status !== before?.status || snapshot.reason !== before?.reason;
  const code = snapshot.qr && snapshot.qr.n !== before?.qr?.n ? ` ${say("code", snapshot.qr)}.` : "";
  if (isNew || code) at("announcement").textContent = snapshot.message[language] + code;
}

/** There is nothing to be seen here any more, and nothing to be done. */
function leave() {
  gone = true;
  shown = shown && { ...shown, qr: null, retry_at: null };
  showQr(null);
  if (shown) showClock(shown);
  question.close("no");
  at("figure").hidden = false;
  at("steps").hidden = at("cover").hidden = at("account").hidden = true;
  unlock();
}
