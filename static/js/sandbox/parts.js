// Parts of the page: copies of its templates, kept in step with what they show. Whatever a phone says is text.

export const at = (id) => document.getElementById(id);

export const field = (part, name) => part.querySelector(`[data-field="${name}"]`);

/** Set the text of a part's field; without a text it isn't there at all. */
export function put(part, name, text) {
  const place = field(part, name);
  if (place.textContent !== text) place.textContent = text;
  if (place.hasAttribute("hidden") || !text) place.hidden = !text;
}

/** Make the list show these things, in this order. A part stays the same element, so that whoever is on it stays there. */
export function keep(list, things, keyOf, template, fill) {
  const had = new Map([...list.children].map((part) => [part.dataset.key, part]));
  let next = list.firstElementChild;
  for (const thing of things) {
    const key = String(keyOf(thing));
    const part = had.get(key) ?? copy(template, key);
    had.delete(key);
    fill(part, thing);
    if (part === next) next = next.nextElementSibling;
    else list.insertBefore(part, next);
  }
  had.forEach((part) => part.remove());
}

export function copy(template, key) {
  const part = at(`t-${template}`).content.firstElementChild.cloneNode(true);
  part.dataset.key = key;
  return part;
}

/** Choices of a select or datalist; what was chosen stays chosen. The first option of a select stays as it is. */
export function offer(list, values, labelOf = (value) => value) {
  const fixed = list.tagName === "SELECT" ? 1 : 0;
  const known = [...list.children].slice(fixed).map((option) => option.value);
  if (known.join() === values.join()) return;
  const chosen = list.value;
  while (list.children.length > fixed) list.lastElementChild.remove();
  for (const value of values) list.append(new Option(labelOf(value), value));
  if (fixed) list.value = values.includes(chosen) ? chosen : "";
}
