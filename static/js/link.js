// The link to the server: the socket, the banner while it is down, and which of two snapshots is the newer.

import { io } from "/static/vendor/socket.io.esm.min.js";
import { clockTime } from "./clock.js";
import { language, say } from "./words.js";

const BANNER_AFTER = 2000;
const RELOAD_AFTER = 30000;
const RETRY_AFTER = 1500;
const ANSWER_WITHIN = 20000;

export const STATE_EVENTS = [
  "snapshot", "qr_requested", "qr_ready", "scanning", "connected", "expired", "disconnected", "reconnecting",
  "session_error",
];

/** Whether `next` tells something later than `known`: an answer may overtake what was pushed, or the reverse. */
export function isNewer(next, known) {
  if (!known || next.seq !== known.seq) return !known || next.seq > known.seq;
  return next.server_now >= known.server_now;
}

const KLIENS_OWN = /^\/link\/([^/]+)$/;

/** On a klien's own page the address is the credential; it goes to the socket from here, and is kept nowhere. */
const token = location.pathname.match(KLIENS_OWN)?.[1];

/**
 * Open the socket.
 * `arrive` runs after each (re)connection, `show` with each pushed snapshot, `listening` with whether we hear the server,
 * `end` when the credential is good no more: it isn't tried again then.
 * Returns `ask(command, payload)`: the answer, or null if none came.
 */
export function openLink({ arrive, show, listening, end }) {
  const socket = io({
    transports: ["websocket", "polling"],
    reconnectionDelay: 500,
    reconnectionDelayMax: 5000,
    ...(token && { auth: { token } }),
  });
  const banner = new Banner();
  const lose = () => {
    listening(false);
    banner.lose();
  };

  const finish = () => {
    socket.disconnect();
    banner.end();
    end();
  };
  // Whoever was refused for asking too often hears nothing yet: it is tried again when it may be.
  const settle = async (id) => {
    const wait = (await arrive())?.error?.retry_after;
    if (socket.id !== id) return;
    banner.recover();
    listening(true);
    if (wait) setTimeout(() => socket.id === id && settle(id), wait * 1000);
  };

  socket.on("connect", () => settle(socket.id));
  socket.on("disconnect", (reason) => {
    lose();
    // The client tries again by itself, unless the server said goodbye: it restarts, or the login or link has ended.
    // Which of the two, the next try tells.
    if (reason === "io server disconnect") setTimeout(() => socket.connect(), RETRY_AFTER);
  });
  socket.on("connect_error", (error) => {
    lose();
    if (error.message === "unauthorized") finish();
    else if (!socket.active) setTimeout(() => socket.connect(), RETRY_AFTER);
  });
  for (const name of STATE_EVENTS) {
    socket.on(name, (snapshot) => {
      banner.hear();
      show(snapshot);
    });
  }

  return async (command, payload) => {
    try {
      const answer = await socket.timeout(ANSWER_WITHIN).emitWithAck(command, payload);
      banner.hear();
      if (answer?.error?.code === "unauthorized") finish();
      return answer;
    } catch {
      return null;
    }
  };
}

class Banner {
  #box = document.getElementById("banner");
  #text = document.getElementById("banner-text");
  #link = document.getElementById("banner-link");
  #heard = Date.now();
  #timers = [];
  #over = false;

  hear() {
    this.#heard = Date.now();
  }

  lose() {
    if (this.#timers.length || this.#over) return;
    this.#timers = [
      setTimeout(() => this.#show(say("lost", { time: clockTime(this.#heard, language) })), BANNER_AFTER),
      setTimeout(() => this.#offer(say("reload"), location.pathname), RELOAD_AFTER),
    ];
  }

  recover() {
    this.#timers.forEach(clearTimeout);
    this.#timers = [];
    this.#box.hidden = this.#link.hidden = true;
    document.body.classList.remove("stale");
  }

  end() {
    this.recover();
    this.#over = true;
    if (token) return; // its page says so itself
    this.#show(say("login_ended"));
    this.#offer(say("log_in"), `/login?next=${encodeURIComponent(location.pathname)}`);
  }

  #show(text) {
    this.#text.textContent = text;
    this.#box.hidden = false;
    document.body.classList.add("stale");
  }

  #offer(text, address) {
    this.#link.textContent = text;
    this.#link.href = address;
    this.#link.hidden = false;
  }
}
