// Phones: the list, and the one that is in the hand: what it scans, the devices that are linked to it.

import { ask, busy, tell } from "./api.js";
import { at, field, keep, offer, put } from "./parts.js";
import { say } from "./words.js";

const FIRST_NUMBER = 628110000001n;
const list = at("phones");
const adding = at("add-phone");
const choosing = at("choose");

let shown = null;
let known = new Map();

/** The number that is in the hand stands in the address, so that it stays there over a reload. */
const chosen = () => location.hash.slice(1);

/** Show all of it; the number of the phone in the hand, or null. */
export function showPhones({ phones }) {
  known = phones;
  at("trial").hidden = [...phones.values()].some((phone) => phone.devices.length);
  at("phone-none").hidden = phones.size > 0;
  shown = phones.get(chosen()) ?? phones.values().next().value ?? null;
  keep(list, [...phones.values()], (phone) => phone.number, "phone", fillRow);
  propose();
  offer(at("numbers"), [...phones.keys()]);
  at("phone").hidden = !shown;
  if (shown) fill(at("phone"), shown);
  return shown?.number ?? null;
}

function fillRow(row, phone) {
  put(row, "name", phone.name || "–");
  put(row, "number", `+${phone.number}`);
  put(row, "unread", phone.unread ? String(phone.unread) : "");
  field(row, "unread").title = say("unread", { n: phone.unread });
  put(row, "devices", devicesOf(phone));
  row.firstElementChild.setAttribute("aria-current", String(phone === shown));
}

function devicesOf({ devices, offline }) {
  const online = devices.filter((device) => device.online).length;
  const said = devices.length ? say("devices_online", { online, all: devices.length }) : say("device_none");
  return offline ? `${say("off")} · ${said}` : said;
}

function fill(part, phone) {
  put(part, "name", phone.name || "–");
  put(part, "number", `+${phone.number}`);
  pill(part, !phone.offline);
  const toggle = part.querySelector('[data-action="toggle-offline"]');
  toggle.textContent = say(phone.offline ? "go_online" : "go_offline");
  at("device-none").hidden = phone.devices.length > 0;
  keep(at("devices"), phone.devices, (device) => `${phone.number}:${device.device}`, "device", fillDevice);
}

function fillDevice(row, device) {
  put(row, "platform", device.platform || say("device"));
  put(row, "jid", device.jid);
  pill(row, device.online);
  const klien = field(row, "klien");
  klien.hidden = device.klien_id === null;
  klien.textContent = say("klien", { id: device.klien_id });
  klien.href = `/kliens/${device.klien_id}`;
  row.dataset.device = device.device;
}

function pill(part, online) {
  field(part, "pill").dataset.group = online ? "success" : "neutral";
  put(part, "state", say(online ? "on" : "off"));
}

/** An Indonesian number that nobody has yet. */
function propose() {
  const input = adding.elements.number;
  if (input.value && !known.has(input.value)) return;
  let number = FIRST_NUMBER;
  while (known.has(String(number))) number += 1n;
  input.value = String(number);
}

// ── what a person does ──

const path = (rest = "") => `/phones/${shown.number}${rest}`;

list.addEventListener("click", (event) => {
  const row = event.target.closest("[data-key]");
  if (row) location.hash = row.dataset.key;
});

adding.addEventListener("submit", (event) => {
  event.preventDefault();
  const number = adding.elements.number.value.replace(/\D/g, "");
  const isKnown = known.has(number);
  busy(adding.querySelector("button"), async () => {
    if (!(await ask("POST", "/phones", { number, name: adding.elements.name.value }))) return;
    if (isKnown) tell(say("duplicate_number"), "info");
    adding.reset();
    location.hash = number;
  });
});

at("rename").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  if (!(await ask("POST", "/phones", { number: shown.number, name: form.elements.name.value }))) return;
  form.reset();
  form.closest("details").open = false;
});

at("phone").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const action = button?.dataset.action;
  if (action === "toggle-offline") busy(button, () => ask("POST", path(shown.offline ? "/online" : "/offline"), shown.offline ? undefined : {}));
  if (action === "remove-device") busy(button, () => ask("DELETE", path(`/devices/${button.closest("li").dataset.device}`)));
  if (action === "scan-screen") busy(button, scanScreen);
});

at("enter-code").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  busy(form.querySelector("button"), async () => {
    if (await link("/enter-code", { code: form.elements.code.value })) form.reset();
  });
});

at("scan-text").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  busy(form.querySelector("button"), async () => {
    if (await link("/scan", { qr: form.elements.qr.value })) form.reset();
  });
});

/** One button: whichever klien shows a code; if several do, the person chooses. */
async function scanScreen() {
  const screens = (await ask("GET", "/screens"))?.screens;
  if (!screens) return;
  if (!screens.length) tell(say("no_screen"));
  else if (screens.length === 1) await link("/scan", { klien_id: screens[0].klien_id });
  else choose(screens);
}

function choose(screens) {
  at("screens").replaceChildren(
    ...screens.map((screen) => {
      const button = document.createElement("button");
      button.className = "button secondary";
      button.value = screen.klien_id;
      button.textContent = `${screen.name} (${say("klien", { id: screen.klien_id })})`;
      return button;
    }),
  );
  choosing.returnValue = "";
  choosing.showModal();
}

choosing.addEventListener("close", () => {
  if (choosing.returnValue) link("/scan", { klien_id: Number(choosing.returnValue) });
});

async function link(way, what) {
  const linked = await ask("POST", path(way), what);
  if (linked) tell(say("linked", { number: `+${linked.number}` }), "success");
  return linked;
}

// ── pictures of codes: chosen, pasted or dropped ──

const drop = at("drop");

function scanPicture(file) {
  if (!file || !shown) return;
  const form = new FormData();
  form.append("image", file);
  link("/scan", form);
}

at("image").addEventListener("change", (event) => {
  scanPicture(event.target.files[0]);
  event.target.value = "";
});
drop.addEventListener("dragover", (event) => event.preventDefault());
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  scanPicture(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  const file = event.clipboardData.files[0];
  if (file && at("other-way").open) scanPicture(file);
});
