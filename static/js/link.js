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

/**
 * Open the socket.
 * `arrive` runs after each (re)connection, `show` with each pushed snapshot, `listening` with whether we hear the server.
 * Returns `ask(command, payload)`: the answer, or null if none came.
 */
export function openLink({ arrive, show, listening }) {
  const socket = io({ transports: ["websocket", "polling"], reconnectionDelay: 500, reconnectionDelayMax: 5000 });
  const banner = new Banner();
  const lose = () => {
    listening(false);
    banner.lose();
  };

  socket.on("connect", async () => {
    await arrive();
    if (!socket.connected) return;
    banner.recover();
    listening(true);
  });
  socket.on("disconnect", (reason) => {
    lose();
    // The client tries again by itself, unless the server said goodbye (it restarts, or the login has ended).
    if (reason === "io server disconnect") setTimeout(() => socket.connect(), RETRY_AFTER);
  });
  socket.on("connect_error", (error) => {
    lose();
    if (error.message === "unauthorized") banner.endLogin();
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

  endLogin() {
    this.recover();
    this.#over = true;
    this.#show(say("login_ended"));
    this.#offer(say("log_in"), "/login");
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
