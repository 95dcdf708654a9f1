// The chats of the phone that is in the hand.

import { ask, busy, download } from "./api.js";
import { at, field, keep, put } from "./parts.js";
import { language, say } from "./words.js";

const NO_BUBBLES = new Set(["reaction", "edit", "revoke"]);
const PICTURES = new Set(["image/png", "image/jpeg", "image/webp", "image/gif"]);
const TICKS = { sent: "✓", delivered: "✓✓", read: "✓✓", played: "✓✓" };
const TYPING_AGAIN = 3000;
const PAUSED_AFTER = 4000;

const composer = at("composer");
const text = at("text");
const list = at("messages");
const markRead = document.querySelector('[data-action="mark-read"]');

let state = null;
let number = null;
let open = new Map(); // number -> address of the chat that is open on that phone
let replyTo = null;
let typedAt = 0;
let pausing = 0;
const pictures = new Map(); // message id -> blob: address

export function showChats(now, phone) {
  state = now;
  if (phone !== number) stopReplying();
  number = phone;
  if (!number) return;
  const chats = chatsOf();
  if (!open.has(number) && chats.length) open.set(number, chats[0].jid);
  const jid = open.get(number);
  const shown = chats.some((chat) => chat.jid === jid) || !jid ? chats : [{ jid, name: nameOf({ jid }), unread: 0 }, ...chats];
  keep(at("chat-list"), shown, (chat) => chat.jid, "chat", fillChat);
  at("chat").hidden = !jid;
  if (!jid) return;
  at("chat-name").textContent = shown.find((chat) => chat.jid === jid).name;
  showMessages(messages().filter((message) => message.chat.jid === jid));
  showTyping(jid);
}

const messages = () => [...(state.messages.get(number)?.values() ?? [])];
const isUnread = ({ type, direction, status }) => direction === "in" && status === "received" && !NO_BUBBLES.has(type);
const unreadOf = (jid) => messages().filter((message) => message.chat.jid === jid && isUnread(message));

/** Newest first. */
function chatsOf() {
  const found = new Map();
  for (const message of messages().reverse()) {
    const { jid } = message.chat;
    if (!found.has(jid)) found.set(jid, { jid, name: nameOf(message.chat), unread: unreadOf(jid).length });
  }
  return [...found.values()];
}

function nameOf({ jid, phone, name }) {
  const digits = phone ?? (jid.endsWith("@s.whatsapp.net") ? jid.split("@")[0] : null);
  const called = name ?? state.phones.get(digits)?.name;
  return called || (digits ? `+${digits}` : jid);
}

function fillChat(row, chat) {
  put(row, "name", chat.name);
  put(row, "unread", chat.unread ? String(chat.unread) : "");
  row.firstElementChild.setAttribute("aria-pressed", String(chat.jid === open.get(number)));
}

function showMessages(all) {
  const shown = all.filter((message) => !NO_BUBBLES.has(message.type));
  const before = list.lastElementChild?.dataset.key;
  markRead.hidden = !unreadOf(open.get(number)).length;
  at("chat-none").hidden = shown.length > 0;
  list.hidden = !shown.length;
  keep(list, shown, (message) => `${number}/${message.id}`, "message", fillMessage);
  if (list.lastElementChild?.dataset.key !== before) showEnd();
}

const isAtEnd = () => list.scrollHeight - list.scrollTop - list.clientHeight < 40;
const showEnd = () => (list.scrollTop = list.scrollHeight);

function fillMessage(bubble, message) {
  const isOut = message.direction === "out";
  bubble.dataset.direction = message.direction;
  bubble.dataset.status = message.status;
  put(bubble, "from", message.chat.jid.endsWith("@g.us") && !isOut ? nameOf(message.from) : "");
  const quoted = message.reply_to && state.messages.get(number).get(message.reply_to);
  put(bubble, "quote", quoted ? wordsOf(quoted) : "");
  put(bubble, "text", wordsOf(message) + (message.edited_text !== null ? ` (${say("edited")})` : ""));
  put(bubble, "reactions", message.reactions.map((reaction) => reaction.emoji).join(" "));
  put(bubble, "time", new Date(message.created_at).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" }));
  field(bubble, "ticks").textContent = isOut ? TICKS[message.status] ?? "" : "";
  field(bubble, "ticks").setAttribute("aria-label", say(`status_${message.status}`));
  field(bubble, "ticks").title = say(`status_${message.status}`);
  bubble.querySelector('[data-action="download"]').hidden = !message.media;
  bubble.querySelector(".deeds").hidden = message.revoked;
  showPicture(bubble, message);
}

function wordsOf(message) {
  if (message.revoked) return say("revoked");
  if (message.status === "undecryptable") return say("undecryptable");
  if (message.location) return say("location", { place: message.location.name ?? `${message.location.latitude}, ${message.location.longitude}` });
  if (message.poll) return say("poll", { question: message.poll.question });
  if (message.contact) return message.contact.name;
  if (!message.media) return message.edited_text ?? message.text ?? message.type;
  const size = Math.ceil(message.media.size / 1024);
  const about = say("media", { type: message.type, mimetype: message.media.mimetype, size });
  return message.text ? `${message.text} (${about})` : about;
}

/** Fetched once; as a picture of one of four kinds, whatever its sender calls it. */
async function showPicture(bubble, message) {
  if (!message.media || !PICTURES.has(message.media.mimetype) || message.revoked) return;
  const picture = field(bubble, "picture");
  if (!pictures.has(message.id)) {
    pictures.set(message.id, "");
    const data = await download(`/phones/${number}/messages/${message.id}/media`);
    pictures.set(message.id, data ? URL.createObjectURL(data.slice(0, data.size, message.media.mimetype)) : "");
  }
  const address = pictures.get(message.id);
  if (!address || picture.src === address) return;
  const follows = isAtEnd();
  picture.onload = () => follows && showEnd();
  picture.src = address;
  picture.hidden = false;
}

function showTyping(jid) {
  const typing = (state.typing.get(number) ?? []).filter((each) => each.chat.jid === jid);
  at("typing").textContent = typing.map((each) => say("typing", { name: nameOf(each.from) })).join(" ");
}

// ── what a person does ──

const path = (rest) => `/phones/${number}${rest}`;
const show = () => showChats(state, number);

at("chat-list").addEventListener("click", (event) => {
  const row = event.target.closest("[data-key]");
  if (!row) return;
  open.set(number, row.dataset.key);
  stopReplying();
  show();
});

at("new-chat").addEventListener("submit", (event) => {
  event.preventDefault();
  const to = event.target.elements.to.value.trim();
  open.set(number, to.includes("@") ? to : `${to.replace(/\D/g, "")}@s.whatsapp.net`);
  event.target.reset();
  show();
  text.focus();
});

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!text.value.trim()) return;
  busy(composer.querySelector("[data-action]"), async () => {
    const body = { to: open.get(number), text: text.value, ...(replyTo && { reply_to: replyTo }) };
    if (!(await ask("POST", path("/messages"), body))) return;
    text.value = "";
    clearTimeout(pausing);
    typedAt = 0;
    stopReplying();
  });
});

text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  composer.requestSubmit();
});

/** As a phone does: it says so while somebody types, and a moment later that nobody does any more. */
text.addEventListener("input", () => {
  const [phone, to] = [number, open.get(number)];
  const tell = (typing) => fetch(`/sandbox/api/phones/${phone}/typing`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ to, state: typing }),
  }).catch(() => null);
  clearTimeout(pausing);
  pausing = setTimeout(() => {
    typedAt = 0;
    tell("paused");
  }, PAUSED_AFTER);
  if (Date.now() - typedAt < TYPING_AGAIN) return;
  typedAt = Date.now();
  tell("composing");
});

at("picture-button").addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") at("picture").click();
});
at("picture").addEventListener("change", async (event) => {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file) return;
  const form = new FormData();
  form.append("to", open.get(number));
  form.append("type", "image");
  if (replyTo) form.append("reply_to", replyTo);
  if (text.value.trim()) form.append("caption", text.value);
  form.append("file", file);
  if (!(await ask("POST", path("/messages"), form))) return;
  text.value = "";
  stopReplying();
});

markRead.addEventListener("click", () =>
  busy(markRead, async () => {
    for (const message of unreadOf(open.get(number))) {
      if (!(await ask("POST", path(`/messages/${message.id}/read`)))) return;
    }
  }),
);

list.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const id = button.closest("[data-key]").dataset.key.split("/")[1];
  const message = state.messages.get(number).get(id);
  if (button.dataset.action === "reply") reply(message);
  if (button.dataset.action === "react") busy(button, () => react(message, button.dataset.emoji));
  if (button.dataset.action === "download") save(message);
});

function reply(message) {
  replyTo = message.id;
  at("replying").hidden = false;
  at("replying").firstElementChild.textContent = say("replying", { text: wordsOf(message).slice(0, 80) });
  text.focus();
}

function stopReplying() {
  replyTo = null;
  at("replying").hidden = true;
}

at("replying").querySelector("button").addEventListener("click", stopReplying);

/** The same once more takes it back. */
function react(message, emoji) {
  const mine = message.reactions.find((reaction) => reaction.from.phone === number);
  return ask("POST", path("/messages"), { type: "reaction", message_id: message.id, reaction: mine?.emoji === emoji ? "" : emoji });
}

async function save(message) {
  const data = await download(path(`/messages/${message.id}/media`));
  if (!data) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(data);
  link.download = message.media.filename ?? message.id;
  link.click();
  URL.revokeObjectURL(link.href);
}
