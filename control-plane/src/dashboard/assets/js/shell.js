// The frame: navigation with counts, the state of the connection, the theme.

import * as api from './api.js';
import { h } from './dom.js';
import * as format from './format.js';
import * as live from './live.js';
import { morph } from './morph.js';
import { mark } from './parts.js';
import { href } from './place.js';

const GROUPS = [
  [['overview', 'Overview'], ['map', 'Map']],
  [['routers', 'Routers'], ['services', 'Services'], ['middlewares', 'Middlewares']],
  [['proxies', 'Proxies'], ['diagnostics', 'Diagnostics'], ['changes', 'Changes'], ['why', 'Why?']],
];
const GRACE_MS = 700;
const PAUSE_MS = 300;

let holder = document.getElementById('shell');
let overview;
let version;
let page = 'overview';
let isOpen = false;
let isAsking = false;
let again = false;

export const name = () => (version?.dashboardName ? `Fairway · ${version.dashboardName}` : 'Fairway');

export function start() {
  draw();
  refresh(null);
  setInterval(draw, 5000);
}

export function current(now) {
  page = now;
  isOpen = false;
  draw();
}

// Counts may be of ten thousand objects: asked for by one request at a time, with a pause.
export async function refresh(topics) {
  draw();
  if (topics !== null && topics.size === 0) return;
  if (isAsking) {
    again = true;
    return;
  }
  isAsking = true;
  await ask(topics);
  setTimeout(() => {
    isAsking = false;
    if (!again) return;
    again = false;
    refresh(null);
  }, PAUSE_MS);
}

async function ask(topics) {
  try {
    [overview, version] = await Promise.all([api.get('overview'), topics === null || !version ? api.get('version') : version]);
  } catch { /* The next event asks again. */ }
  draw();
}

// What stands above a page whose news do not come.
export function stale() {
  const { connected, everConnected, since } = live.state;
  if (connected || (!everConnected && Date.now() - since < GRACE_MS * 4)) return null;
  const text = everConnected ? `No connection to the control plane: this is how it was ${format.ago(since)}.` : 'No connection to the control plane.';
  return h('div', { class: 'stale', role: 'status', 'data-key': 'stale' }, mark('warn'), h('span', {}, text, ' Trying again…'));
}

function draw() {
  const next = h(
    'header',
    { id: 'shell', class: `shell${isOpen ? ' open' : ''}` },
    h('a', { class: 'brand', href: href('overview') }, h('img', { src: 'icon.svg', alt: '' }), h('span', {}, 'Fairway', version?.dashboardName && h('small', {}, ` ${version.dashboardName}`))),
    h('button', { class: 'menu', type: 'button', 'aria-expanded': String(isOpen), 'aria-controls': 'nav', onclick: toggle }, isOpen ? 'Close' : 'Menu'),
    h('nav', { class: 'nav', id: 'nav', 'aria-label': 'Pages' }, GROUPS.map((group) => h('ul', {}, group.map(item)))),
    h('div', { class: 'shell-foot' }, connection(), themes(), version && h('span', {}, `Version ${version.Version}`)),
  );
  holder = morph(holder, next);
}

function toggle() {
  isOpen = !isOpen;
  draw();
}

function item([to, title]) {
  return h('li', {}, h('a', { href: href(to), 'aria-current': to === page ? 'page' : undefined }, title, h('span', { class: 'count' }, counts(to))));
}

// How many there are, and the worst of their states.
function counts(of) {
  const counted = overview && { ...overview.http, proxies: overview.proxies }[of];
  if (of === 'diagnostics' && overview?.diagnostics) {
    const { errors, warnings } = overview.diagnostics;
    return errors + warnings > 0 ? [mark(errors > 0 ? 'bad' : 'warn', errors > 0 ? 'errors' : 'warnings'), format.count(errors + warnings)] : null;
  }
  if (!counted) return null;
  const { total, warnings, errors } = counted;
  const worst = errors > 0 ? ['bad', 'some are not served'] : warnings > 0 ? ['warn', 'some are degraded'] : null;
  return [worst && mark(...worst), format.count(total)];
}

function connection() {
  const { connected } = live.state;
  return h('span', { class: 'link-state', id: 'connection', 'data-state': connected ? 'live' : 'stale' }, mark(connected ? 'ok' : 'warn'), connected ? 'Live' : 'Reconnecting…');
}

function themes() {
  const chosen = window.fairwayTheme.get();
  const choose = (theme) => () => {
    window.fairwayTheme.set(theme);
    draw();
  };
  return h(
    'div',
    { class: 'choice', role: 'group', 'aria-label': 'Colours' },
    ['auto', 'light', 'dark'].map((theme) => h('button', { type: 'button', 'data-theme-choice': theme, 'aria-pressed': String(theme === chosen), onclick: choose(theme) }, theme[0].toUpperCase() + theme.slice(1))),
  );
}
