// Makes a piece of the page look like a new one and keeps what is the same: focus,
// selection, scrolling and open menus stay where they are. Siblings with `data-key` are
// told apart by it.

// What leaves is seen to leave, if it asks for that with `data-fade`.
const FADE_MS = 500;

export function morph(old, next) {
  if (!isSame(old, next)) {
    old.replaceWith(next);
    return next;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return old;
  }
  attributes(old, next);
  handlers(old, next);
  children(old, next);
  // After the children: the value of a select is one of them.
  value(old, next);
  return old;
}

// What a user typed stays, unless the page has another value than it had before. A field
// that tells of every key is ahead of the page while it has the focus.
function value(old, next) {
  if (next.shown === old.shown) return;
  old.shown = next.shown;
  const isAhead = old.oninput && old === document.activeElement;
  if (!isAhead && old.value !== next.shown) old.value = next.shown ?? '';
}

const key = (node) => node.dataset?.key;

const isSame = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);

function attributes(old, next) {
  for (const { name } of [...old.attributes]) {
    if (name !== 'style' && !next.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (name !== 'style' && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.style.cssText !== next.style.cssText) old.style.cssText = next.style.cssText;
}

function handlers(old, next) {
  for (const name of old.handlers ?? []) if (!next.handlers?.includes(name)) old[name] = null;
  for (const name of next.handlers ?? []) old[name] = next[name];
  old.handlers = next.handlers;
}

function children(old, next) {
  const keyed = new Map();
  for (const child of old.childNodes) if (key(child) !== undefined) keyed.set(key(child), child);
  const wasEmpty = keyed.size === 0;
  let place = old.firstChild;
  for (const wanted of [...next.childNodes]) {
    while (place && isGhost(place)) place = place.nextSibling;
    const name = key(wanted);
    const known = name !== undefined && keyed.get(name);
    if (known && isSame(known, wanted)) {
      keyed.delete(name);
      if (known !== place) old.insertBefore(known, place);
      else place = place.nextSibling;
      morph(known, wanted);
    } else if (name === undefined && place && key(place) === undefined && isSame(place, wanted)) {
      const current = place;
      place = place.nextSibling;
      morph(current, wanted);
    } else {
      if (name !== undefined && !wasEmpty && wanted.dataset.joins !== undefined) wanted.classList.add('joined');
      old.insertBefore(wanted, place);
    }
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    remove(gone);
  }
}

const isGhost = (node) => node.dataset?.ghost !== undefined;

function remove(node) {
  if (isGhost(node)) return;
  if (node.dataset?.fade === undefined) {
    node.remove();
    return;
  }
  node.dataset.ghost = '';
  delete node.dataset.key;
  node.classList.add('leaving');
  node.setAttribute('aria-hidden', 'true');
  setTimeout(() => node.remove(), FADE_MS);
}
