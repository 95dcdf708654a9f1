// Faults: which are set, and what is left of them.

import { ask, busy, tell } from "./api.js";
import { at, keep, offer, put } from "./parts.js";
import { say } from "./words.js";

const TICK = 1000;
const form = at("set-fault");
const kinds = form.elements.fault;
const clear = document.querySelector('[data-action="clear-faults"]');

let state = { faults: [], faultsAt: 0 };

export function showFaults(now) {
  state = now;
  offer(form.elements.number, [...now.phones.keys()]);
  at("fault-none").hidden = now.faults.length > 0;
  clear.hidden = !now.faults.length;
  keep(at("faults"), now.faults, (fault) => fault.id, "fault", fill);
}

function fill(row, fault) {
  put(row, "fault", fault.fault);
  put(row, "number", fault.number ? `+${fault.number}` : "");
  put(row, "does", optionOf(fault.fault).dataset.does);
  put(row, "hit", say("fault_hits", { hit: fault.hit }));
  put(row, "left", leftOf(fault));
  row.dataset.fault = fault.fault;
}

/** Between two words of the stream, the seconds are counted here. */
function leftOf(fault) {
  const parts = [];
  if (fault.count !== null) parts.push(say("fault_left", { left: fault.count }));
  if (fault.seconds_left !== null) {
    const left = fault.seconds_left - (Date.now() - state.faultsAt) / 1000;
    parts.push(say("fault_seconds_left", { left: Math.max(0, Math.ceil(left)) }));
  }
  return parts.join(" · ");
}

const optionOf = (name) => [...kinds.options].find((option) => option.value === name);

setInterval(() => {
  if (state.faults.some((fault) => fault.seconds_left !== null)) showFaults(state);
}, TICK);

function explain() {
  const { does, byNumber, needsSeconds } = kinds.selectedOptions[0].dataset;
  at("fault-does").textContent = does;
  form.elements.number.disabled = byNumber === "0";
  form.elements.seconds.required = needsSeconds === "1";
}

kinds.addEventListener("change", explain);
explain();

clear.addEventListener("click", () => busy(clear, () => ask("DELETE", "/faults")));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { fault, number, count, seconds } = form.elements;
  const wish = { fault: fault.value };
  if (number.value && !number.disabled) wish.number = number.value;
  if (count.value) wish.count = Number(count.value);
  if (seconds.value) wish.seconds = Number(seconds.value);
  busy(form.querySelector("button"), async () => {
    const set = await ask("POST", "/faults", wish);
    if (set && !state.faults.some(({ id }) => id === set.id) && isOver(set)) {
      tell(say("fault_once", { fault: set.fault }), "info");
    }
  });
});

/** One that struck at once and is gone. */
function isOver(fault) {
  return fault.count === null && fault.seconds === null && optionOf(fault.fault).dataset.lasts === "0";
}
