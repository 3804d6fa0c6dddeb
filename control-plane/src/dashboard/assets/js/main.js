// Which page is shown, when it is loaded again, and when it is drawn.
//
// A page has: title(place), load(place, signal) → data, view(data, place, redraw) → node;
// and if it needs them topics (what to load again for), tick(data, place, signal) → data with
// `every` (numbers that change by themselves), and scrolled(place, signal, redraw).

import { h } from './dom.js';
import * as keyboard from './keyboard.js';
import * as live from './live.js';
import { morph } from './morph.js';
import { empty, head, page as frame } from './parts.js';
import * as place from './place.js';
import * as shell from './shell.js';

const PAGES = {
  overview: () => import('./pages/overview.js'),
  map: () => import('./pages/map.js'),
  routers: ({ name }) => (name ? import('./pages/router.js') : import('./pages/routers.js')),
  services: ({ name }) => (name ? import('./pages/service.js') : import('./pages/services.js')),
  middlewares: ({ name }) => (name ? import('./pages/middleware.js') : import('./pages/middlewares.js')),
  proxies: () => import('./pages/proxies.js'),
  diagnostics: () => import('./pages/diagnostics.js'),
  why: () => import('./pages/why.js'),
  changes: () => import('./pages/changes.js'),
};

const main = document.getElementById('main');
const announcer = document.getElementById('announcer');
const scrolls = new Map();
let shown = { page: undefined, at: undefined, data: undefined, key: undefined };
let loading = new AbortController();
let isLoading = false;
let again = false;
let ticker;

const redraw = () => {
  if (shown.page && shown.data !== undefined) draw(shown.page.view(shown.data, shown.at, redraw));
};

function draw(content) {
  const holder = h('main', { id: 'main', tabindex: '-1' }, shell.stale(), content);
  morph(main, holder);
}

async function go() {
  const at = place.read();
  const find = PAGES[at.page];
  if (!find) {
    shown = { page: undefined };
    draw(frame(head('No such page'), empty('There is nothing at this address', 'Choose a page from the navigation.')));
    return;
  }
  const key = `${at.page}/${at.name}`;
  const isNew = key !== shown.key;
  if (isNew && shown.key !== undefined) scrolls.set(shown.key, scrollY);
  shell.current(at.page);
  const { default: page } = await find(at);
  // Another page was chosen while this one was fetched.
  if (place.read().page !== at.page || place.read().name !== at.name) return;
  shown = { page, at, key, data: isNew ? undefined : shown.data };
  const title = page.title(at);
  document.title = `${title} · ${shell.name()}`;
  if (isNew) {
    clearInterval(ticker);
    if (page.tick) ticker = setInterval(tick, page.every ?? 1000);
  }
  loading.abort();
  isLoading = false;
  await load();
  if (isNew) {
    announcer.textContent = title;
    scrollTo(0, cameBack ? scrolls.get(key) ?? 0 : 0);
    if (!isFirst) main.querySelector('h1')?.focus({ preventScroll: true });
  }
  isFirst = false;
  cameBack = false;
}

let isFirst = true;
let cameBack = false;

async function load() {
  // One at a time: what comes meanwhile is one more, afterwards.
  if (isLoading) {
    again = true;
    return;
  }
  const { page, at } = shown;
  if (!page) return;
  const mine = new AbortController();
  loading = mine;
  isLoading = true;
  again = false;
  try {
    const data = await page.load(at, mine.signal);
    if (mine.signal.aborted) return;
    shown.data = page.tick ? { ...data, numbers: shown.data?.numbers ?? (await numbers(page, data, at, mine.signal)) } : data;
    redraw();
  } catch (error) {
    if (mine.signal.aborted || error.name === 'AbortError') return;
    failed(page, at, error);
  } finally {
    if (loading === mine) isLoading = false;
  }
  if (again) load();
}

// Numbers are beside what is shown: without them the rest still is.
async function numbers(page, data, at, signal) {
  try {
    return await page.tick(data, at, signal);
  } catch {
    return undefined;
  }
}

async function tick() {
  const { page, at, data } = shown;
  if (!page?.tick || data === undefined || document.hidden || !live.state.connected) return;
  const news = await numbers(page, data, at, loading.signal);
  if (shown.page !== page || shown.at !== at || news === undefined) return;
  shown.data = { ...shown.data, numbers: news };
  redraw();
}

function failed(page, at, error) {
  // What was shown stays: the banner says that it is old.
  if (error.status === 0 && shown.data !== undefined) {
    redraw();
    return;
  }
  const title = page.title(at);
  const advice = {
    0: 'The page comes back by itself as soon as it answers.',
    401: 'Sign in again and load the page anew.',
    403: 'You may not read the API from here.',
    503: 'It shows up as soon as a provider has answered.',
  }[error.status];
  draw(frame(head(title), h('div', { class: 'card' }, empty(`${error.message}`, ...(advice ? [advice] : [])))));
}

live.listen((topics) => {
  shell.refresh(topics);
  const wanted = topics === null || shown.page?.topics?.some((topic) => topics.has(topic));
  if (wanted) load();
  else redraw();
});

let scrolling = false;
const onScroll = () => {
  if (scrolling) return;
  scrolling = true;
  requestAnimationFrame(() => {
    scrolling = false;
    shown.page?.scrolled?.(shown.at, loading.signal, redraw)?.catch(() => { /* Asked again with the next event. */ });
  });
};
addEventListener('scroll', onScroll, { passive: true });
addEventListener('resize', () => { onScroll(); redraw(); });
addEventListener('popstate', () => { cameBack = true; });
addEventListener('hashchange', go);
document.addEventListener('visibilitychange', () => { if (!document.hidden) tick(); });
document.getElementById('skip').onclick = (event) => {
  event.preventDefault();
  main.focus();
};

keyboard.start();
shell.start();
go();
live.connect();
