// Keys that work everywhere: `/` for the search, `g` and a letter for a page.

import { href } from './place.js';

const PAGES = { o: 'overview', m: 'map', r: 'routers', s: 'services', i: 'middlewares', p: 'proxies', d: 'diagnostics', w: 'why', c: 'changes' };
const GO_MS = 1200;

let went = 0;

const isTyping = (node) => node.closest('input, textarea, select, [contenteditable]') !== null;

export function start() {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' && event.target.type === 'search') {
      event.target.blur();
      return;
    }
    if (isTyping(event.target)) return;
    if (event.key === '/') {
      event.preventDefault();
      search();
    } else if (event.key === 'g') {
      went = event.timeStamp;
    } else if (event.timeStamp - went < GO_MS && PAGES[event.key]) {
      went = 0;
      location.hash = href(PAGES[event.key]);
    }
  });
}

// The page's own search, or that of the routers.
async function search() {
  const find = () => document.getElementById('search');
  if (!find()) location.hash = href('routers');
  for (let tries = 0; tries < 100 && !find(); tries += 1) await new Promise((done) => setTimeout(done, 20));
  find()?.focus();
  find()?.select();
}
