// How a status looks: eight words in five looks, and a number that not everybody in the room may read.

import { say } from "./words.js";

export const GROUPS = {
  disconnected: "neutral",
  qr_requested: "info",
  qr_ready: "info",
  scanning: "info",
  connected: "success",
  reconnecting: "warning",
  expired: "warning",
  error: "danger",
};

/** Connected, but not quite well: that looks like a warning. */
export function groupOf(snapshot) {
  const unwell = snapshot.reason === "degraded" || snapshot.reason === "reachout_limited";
  return snapshot.status === "connected" && unwell ? "warning" : GROUPS[snapshot.status] ?? "neutral";
}

export function wordOf(status) {
  return status in GROUPS ? say(`status_${status}`) : status;
}

export function setIcon(use, group) {
  use.setAttribute("href", `#icon-${group}`);
}

/** 628123456789 is +6281*****789. */
export function maskPhone(phone) {
  return `+${phone.slice(0, 4)}${"*".repeat(Math.max(phone.length - 7, 0))}${phone.slice(-3)}`;
}
