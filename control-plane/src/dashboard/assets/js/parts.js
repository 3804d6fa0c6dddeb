// Pieces that several pages are made of.

import { h, s } from './dom.js';
import * as format from './format.js';
import { href } from './place.js';

// A word of the API to a level, and what it means.
const STATES = {
  enabled: ['ok', 'served'],
  warning: ['warn', 'degraded'],
  disabled: ['bad', 'rejected'],
  error: ['bad', 'error'],
  up: ['ok', 'up'],
  ejected: ['warn', 'left out for now'],
  partly: ['warn', 'down for some proxies'],
  down: ['bad', 'down'],
  unknown: ['off', 'not served yet'],
  current: ['ok', 'up to date'],
  behind: ['warn', 'behind'],
  rejecting: ['warn', 'rejects objects'],
  gone: ['bad', 'disconnected'],
};

const SHAPES = {
  ok: () => s('circle', { cx: 5, cy: 5, r: 4.2 }),
  warn: () => s('path', { d: 'M5 .6 9.8 9.4H.2Z' }),
  bad: () => s('path', { d: 'M5 0 10 5 5 10 0 5Z' }),
  off: () => s('circle', { cx: 5, cy: 5, r: 3.4, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6 }),
};

export const level = (state) => STATES[state]?.[0] ?? 'off';
export const meaning = (state) => STATES[state]?.[1] ?? state;

// The shape alone; `label` for those who do not see it.
export const mark = (name, label) => s(
  'svg',
  { class: `mark is-${name}`, viewBox: '0 0 10 10', role: label ? 'img' : undefined, 'aria-label': label, 'aria-hidden': label ? undefined : 'true' },
  SHAPES[name](),
);

export const state = (word, text) => h('span', { class: 'state' }, mark(level(word)), h('span', {}, text ?? meaning(word)));

export const card = (title, more, ...content) => h(
  'section',
  { class: 'card', 'aria-label': title },
  h('header', {}, h('h2', {}, title), more && h('span', { class: 'more' }, more)),
  ...content,
);

export const empty = (title, ...advice) => h('div', { class: 'empty' }, h('strong', {}, title), ...advice.map((it) => h('p', {}, it)));

export const link = (page, name, text, attributes) => h('a', { href: href(page, name), ...attributes }, text ?? format.local(name));

export const tag = (page, name, text) => h('a', { class: 'tag', href: href(page, name), title: name }, text ?? format.local(name));

export const tags = (...items) => h('span', { class: 'tags' }, ...items);

export const facts = (rows) => h(
  'dl',
  { class: 'facts' },
  rows.filter((row) => row && row[1] !== undefined && row[1] !== null && row[1] !== '').map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
);

// { head: [text | { text, number }], rows: [[cells]], caption }: the first cell names the row.
export const table = (caption, head, rows) => h(
  'div',
  { class: 'table-wrap', tabindex: '0', role: 'region', 'aria-label': caption },
  h(
    'table',
    {},
    h('caption', { class: 'unseen' }, caption),
    h('thead', {}, h('tr', {}, head.map((it) => h('th', { scope: 'col', class: it.number && 'number' }, it.text ?? it)))),
    h('tbody', {}, rows.map(({ key, cells }) => h(
      'tr',
      { 'data-key': key, 'data-joins': '' },
      cells.map((cell, at) => h(at === 0 ? 'th' : 'td', { scope: at === 0 ? 'row' : undefined, class: head[at].number && 'number' }, cell)),
    ))),
  ),
);

export const finding = (of) => h(
  'li',
  { class: 'finding' },
  mark(of.severity === 'error' ? 'bad' : 'warn', of.severity),
  h('p', {}, of.message),
  of.suggestion && h('p', { class: 'cure' }, `→ ${of.suggestion}`),
  h(
    'p',
    { class: 'where' },
    of.node && h('span', {}, `proxy ${of.node}`),
    of.container && h('span', {}, `${of.provider === 'file' ? 'file' : 'container'} ${of.container}`),
    of.label && h('code', {}, of.label),
    of.object && objectLink(of.object),
    of.since && h('time', { datetime: new Date(of.since).toISOString(), title: `${format.date(of.since)} ${format.time(of.since)}` }, format.ago(of.since)),
  ),
);

// `router web@docker` to a link.
function objectLink(object) {
  const [kind, name] = object.split(' ');
  const page = `${kind}s`;
  return ['routers', 'services', 'middlewares'].includes(page) ? link(page, name, object) : h('span', {}, object);
}

export const findings = (list) => h('ul', { class: 'rows' }, list.map(finding));

export const head = (title, { crumb, lead, aside } = {}) => h(
  'div',
  { class: 'page-head' },
  crumb && h('p', { class: 'crumb' }, h('a', { href: href(crumb[0]) }, crumb[1])),
  h('h1', { tabindex: '-1' }, title),
  aside && h('p', { class: 'aside' }, aside),
  lead && h('p', { class: 'lead' }, lead),
);

export const page = (...content) => h('div', { class: 'page' }, ...content);
