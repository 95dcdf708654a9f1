// The page /sandbox: what the stream tells goes into one state, and the parts show it.

import { showChats } from "./chats.js";
import { showFaults } from "./faults.js";
import { addNode, beginLog, tellGap } from "./log.js";
import { showPhones } from "./phones.js";
import { openStream } from "./stream.js";

const state = { phones: new Map(), messages: new Map(), typing: new Map(), faults: [], faultsAt: 0, ready: false };
let due = false;

openStream({
  hello: (told) => {
    state.phones.clear();
    state.messages.clear();
    state.typing.clear();
    state.ready = false;
    beginLog(told.goes_on);
  },
  ready: () => {
    state.ready = true;
    show();
  },
  phone: (phone) => {
    state.phones.set(phone.number, phone);
    show();
  },
  message: ({ number, message }) => {
    if (!state.messages.has(number)) state.messages.set(number, new Map());
    state.messages.get(number).set(message.id, message);
    show();
  },
  typing: ({ number, typing }) => {
    state.typing.set(number, typing);
    show();
  },
  faults: ({ faults }) => {
    state.faults = faults;
    state.faultsAt = Date.now();
    show();
  },
  node: addNode,
  gap: tellGap,
});

window.addEventListener("hashchange", show);

/** Once, however much has come. */
function show() {
  if (due || !state.ready) return;
  due = true;
  queueMicrotask(() => {
    due = false;
    const number = showPhones(state);
    showChats(state, number);
    showFaults(state);
  });
}
