// A list of any length: only the rows that can be seen exist, and only the pages of the
// API that hold them are asked for.

import * as api from './api.js';
import { h } from './dom.js';
import * as format from './format.js';
import { empty, head, page } from './parts.js';
import { change, href } from './place.js';

const PER_PAGE = 100;
// Rows beyond the edge of the window that exist already.
const MARGIN = 12;

// of: { title, lead, path, kind, columns: [{ title, width, sort, cell(item), class }], filters:
// [{ name, label, options(data) }], empty: [title, …advice], aside(data) }
export function list(of) {
  let rows = new Map();
  let total = 0;
  let asked = '';
  let at = [0, 60];

  async function fetchPages(query, signal) {
    const wanted = new Set();
    for (let row = at[0]; row < Math.max(at[1], 1); row += 1) wanted.add(Math.floor(row / PER_PAGE) + 1);
    const fresh = new Map();
    for (const number of wanted) {
      let answer;
      try {
        answer = await api.page(of.path, { ...query, page: number, per_page: PER_PAGE }, signal);
      } catch (error) {
        // The list has become shorter than what was looked at.
        if (error.status !== 400 || number === 1) throw error;
        continue;
      }
      total = answer.total;
      answer.items.forEach((item, index) => fresh.set((number - 1) * PER_PAGE + index, item));
    }
    return fresh;
  }

  const query = ({ search, sort = of.sort, direction, ...rest }) => ({ search, sortBy: sort, direction, ...rest });

  return {
    title: () => of.title,
    topics: of.topics,
    tick: of.tick,
    every: 2000,
    async load({ parameters }, signal) {
      const asking = JSON.stringify(parameters);
      if (asking !== asked) at = [0, 60];
      const [fresh, extra] = await Promise.all([fetchPages(query(parameters), signal), of.extra?.(signal)]);
      asked = asking;
      rows = fresh;
      return extra ?? {};
    },
    view(extra, place) {
      return page(
        head(of.title, { lead: of.lead }),
        filters(of, extra, place.parameters, total),
        total === 0 ? h('div', { class: 'card' }, nothing(of, place.parameters)) : table(of, rows, total, at, place.parameters, extra),
      );
    },
    // The window moved: says whether there is something else to draw, and gets it.
    async scrolled(place, signal, redraw) {
      const body = document.querySelector('.list tbody');
      if (!body) return;
      const height = rowHeight();
      const top = body.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor(-top / height) - MARGIN);
      const last = Math.min(total, Math.ceil((innerHeight - top) / height) + MARGIN);
      if (Math.abs(first - at[0]) < MARGIN / 2 && Math.abs(last - at[1]) < MARGIN / 2) return;
      at = [first, last];
      redraw();
      const missing = [];
      for (let row = first; row < last; row += 1) if (!rows.has(row)) missing.push(row);
      if (missing.length === 0) return;
      for (const [row, item] of await fetchPages(query(place.parameters), signal)) rows.set(row, item);
      redraw();
    },
  };
}

const rowHeight = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row')) || 44;

function nothing(of, parameters) {
  const isFiltered = Object.entries(parameters).some(([name, value]) => value && name !== 'sort' && name !== 'direction');
  if (!isFiltered) return empty(...of.empty);
  return h('div', { class: 'empty' }, h('strong', {}, 'Nothing fits'), h('p', {}, 'Search for something else, or take the filters away.'), h('a', { class: 'button', href: href(of.page) }, 'Show all'));
}

function filters(of, extra, parameters, total) {
  return h(
    'form',
    { class: 'filters', role: 'search', 'aria-label': of.title, onsubmit: (event) => event.preventDefault() },
    h(
      'label',
      { class: 'field search' },
      h('span', {}, 'Search'),
      h('input', {
        class: 'input', type: 'search', name: 'search', id: 'search', placeholder: of.searched, autocomplete: 'off', spellcheck: 'false',
        value: parameters.search ?? '', 'aria-keyshortcuts': '/',
        oninput: (event) => change({ search: event.target.value }, { replace: true }),
      }),
    ),
    of.filters.map(({ name, label, options }) => h(
      'label',
      { class: 'field' },
      h('span', {}, label),
      h(
        'select',
        { class: 'input', name, value: parameters[name] ?? '', onchange: (event) => change({ [name]: event.target.value }) },
        [['', 'all'], ...options(extra)].map(([value, text]) => h('option', { value, selected: value === (parameters[name] ?? '') }, text)),
      ),
    )),
    h('p', { class: 'total', role: 'status' }, format.plural(total, of.kind)),
  );
}

function table(of, rows, total, [first, last], parameters, extra) {
  const height = rowHeight();
  const end = Math.min(last, total);
  const start = Math.min(first, end);
  const visible = [];
  for (let row = start; row < end; row += 1) visible.push([row, rows.get(row)]);
  const gap = (side, count) => h('tr', { class: 'gap', 'data-key': side, 'aria-hidden': 'true' }, h('td', { colspan: of.columns.length, css: { height: `${count * height}px` } }));
  return h(
    'div',
    { class: 'card list' },
    h(
      'table',
      { 'aria-rowcount': total + 1 },
      h('caption', { class: 'unseen' }, of.title),
      h('thead', {}, h('tr', { 'aria-rowindex': 1 }, of.columns.map((column) => heading(column, parameters, of)))),
      h(
        'tbody',
        { onkeydown: walk },
        gap('before', start),
        visible.map(([row, item]) => h(
          'tr',
          { 'data-key': item?.name ?? `row ${row}`, 'aria-rowindex': row + 2 },
          of.columns.map((column, index) => h(index === 0 ? 'th' : 'td', { scope: index === 0 ? 'row' : undefined, class: `${column.class ?? ''}${item ? '' : ' wait'}` }, item ? column.cell(item, extra) : index === 0 ? '…' : '')),
        )),
        gap('after', total - end),
      ),
    ),
  );
}

function heading(column, parameters, of) {
  const isSorted = column.sort && (parameters.sort ?? of.sort ?? 'name') === column.sort;
  const isDown = parameters.direction === 'desc';
  const attributes = { scope: 'col', class: `${column.width ?? ''} ${column.class ?? ''}`, 'aria-sort': isSorted ? (isDown ? 'descending' : 'ascending') : undefined };
  if (!column.sort) return h('th', attributes, column.title);
  const turn = () => change({ sort: column.sort, direction: isSorted && !isDown ? 'desc' : '' });
  return h('th', attributes, h('button', { type: 'button', class: 'sort', onclick: turn }, column.title, h('span', { class: 'arrow', 'aria-hidden': 'true' }, isDown ? '▼' : '▲')));
}

// Up and down, from row to row.
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = step && event.target.closest('tr');
  if (!row) return;
  let next = row;
  do next = step > 0 ? next.nextElementSibling : next.previousElementSibling;
  while (next && !next.querySelector('a'));
  if (!next) return;
  event.preventDefault();
  next.querySelector('a').focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
}
