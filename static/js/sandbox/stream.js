// Everything that the page shows comes by one stream: how things are, each change, and the nodes that pass.

import { at } from "./parts.js";

const RETRY_AFTER = 1500;
const BANNER_AFTER = 1500;
const EVENTS = ["hello", "ready", "phone", "message", "typing", "faults", "node", "gap"];

/** Open the stream; `hear` has a function for each event. A page that nobody sees closes it: a browser has only six. */
export function openStream(hear) {
  let source = null;
  let after = "";
  let banner = 0;

  const lose = () => {
    banner ||= setTimeout(() => (at("lost").hidden = false), BANNER_AFTER);
    if (source?.readyState === EventSource.CLOSED) setTimeout(open, RETRY_AFTER);
  };

  const open = () => {
    source?.close();
    if (document.hidden) return;
    source = new EventSource(`/sandbox/api/events?log=1&after=${after}`);
    source.onopen = () => {
      clearTimeout(banner);
      banner = 0;
      at("lost").hidden = true;
    };
    source.onerror = lose;
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => {
        after = event.lastEventId || after;
        hear[name](JSON.parse(event.data));
      });
    }
  };

  document.addEventListener("visibilitychange", open);
  open();
}
