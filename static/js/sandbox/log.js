// The log of nodes: the newest last, as many as fit; filtered, and paused while somebody reads.

import { at, copy, field, offer, put } from "./parts.js";
import { say } from "./words.js";

const KEPT = 500;
const SHOWN_TEXT = 60;
const list = at("log");
const filter = at("filter");
const pause = document.querySelector('[data-action="pause"]');

let nodes = [];
let held = [];
let paused = false;
let due = false;

/** The stream begins: where it left off, or with nodes that were here before. */
export function beginLog(goesOn) {
  if (!goesOn) clear();
  else showCount();
}

export function addNode(node) {
  (paused ? held : nodes).push(node);
  if (held.length > KEPT) held = held.slice(-KEPT);
  if (!paused) showSoon();
  else showPause();
}

export function tellGap({ lost }) {
  const last = nodes.at(-1);
  addNode({ n: `gap-${last?.n ?? 0}`, lost });
}

// ── what is shown ──

function showSoon() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    nodes = nodes.slice(-KEPT);
    show();
  });
}

function show() {
  const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const wanted = nodes.filter(fits);
  const keys = new Set(wanted.map((node) => String(node.n)));
  for (const row of [...list.children]) if (!keys.has(row.dataset.key)) row.remove();
  let next = list.firstElementChild;
  for (const node of wanted) {
    if (next?.dataset.key === String(node.n)) next = next.nextElementSibling;
    else list.insertBefore(rowOf(node), next);
  }
  if (follows) list.scrollTop = list.scrollHeight;
  offer(filter.elements.number, [...new Set(nodes.map((node) => node.number).filter(Boolean))].sort());
  offer(at("tags"), [...new Set(nodes.map((node) => node.node?.tag).filter(Boolean))].sort());
  showCount(wanted.length);
}

function showCount(shown = list.children.length) {
  at("log-shown").textContent = nodes.length ? say("log_shown", { shown, all: nodes.length }) : "";
  at("log-none").textContent = shown ? "" : say(nodes.length ? "log_none" : "log_empty");
  list.hidden = !shown;
}

function rowOf(node) {
  if (node.lost) {
    const row = document.createElement("li");
    row.dataset.key = node.n;
    row.className = "gap";
    row.textContent = say("gap", { lost: node.lost });
    return row;
  }
  const row = copy("node", node.n);
  put(row, "time", node.at.slice(11, 23));
  field(row, "time").dateTime = node.at;
  put(row, "way", node.direction === "in" ? "→" : "←");
  field(row, "way").title = say(node.direction === "in" ? "from_client" : "to_client");
  put(row, "peer", node.number ? `${node.number}:${node.device}` : "…");
  put(row, "line", lineOf(node.node));
  row.dataset.direction = node.direction;
  row.querySelector("details").addEventListener("toggle", () => put(row, "tree", treeOf(node.node)), { once: true });
  return row;
}

const attrsOf = (node) => Object.entries(node.attrs).map(([name, value]) => ` ${name}="${value}"`).join("");

function lineOf(node) {
  const inside = node.children?.map((child) => `<${child.tag}…>`).slice(0, 3).join("") ?? "";
  const said = node.text ?? (node.bytes ? bytesOf(node) : "");
  return `<${node.tag}${attrsOf(node)}>${inside || said.slice(0, SHOWN_TEXT)}`;
}

const bytesOf = (node) => `[${node.bytes}: ${node.hex.slice(0, 16)}…]`;

function treeOf(node, indent = "") {
  const head = `${indent}<${node.tag}${attrsOf(node)}`;
  if (node.children) {
    const more = node.more ? [`${indent}  ${say("more", { more: node.more })}`] : [];
    const inside = node.children.map((child) => treeOf(child, `${indent}  `));
    return [`${head}>`, ...inside, ...more, `${indent}</${node.tag}>`].join("\n");
  }
  if (node.text !== undefined) return `${head}>${node.text}</${node.tag}>`;
  if (node.bytes !== undefined) return `${head}>[${node.bytes}] ${node.hex}${node.bytes * 2 > node.hex.length ? "…" : ""}</${node.tag}>`;
  return `${head}/>`;
}

function fits(node) {
  const { tag, number, direction, text, own } = filter.elements;
  if (node.lost) return true;
  if (node.phones_own && !own.checked) return false;
  if (tag.value && !node.node.tag.includes(tag.value.trim())) return false;
  if (number.value && node.number !== number.value) return false;
  if (direction.value && node.direction !== direction.value) return false;
  return !text.value || JSON.stringify(node.node).toLowerCase().includes(text.value.toLowerCase());
}

// ── what a person does ──

filter.addEventListener("input", show);
filter.addEventListener("submit", (event) => event.preventDefault());

pause.addEventListener("click", () => {
  paused = !paused;
  if (!paused) {
    nodes.push(...held);
    held = [];
    showSoon();
  }
  showPause();
});

function showPause() {
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? say("paused", { held: held.length }) : say("pause");
}

document.querySelector('[data-action="clear-log"]').addEventListener("click", clear);

function clear() {
  nodes = [];
  held = [];
  show();
  showPause();
}
