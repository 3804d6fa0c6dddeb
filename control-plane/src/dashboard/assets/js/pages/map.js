// The whole way, drawn: entry points, routers, middlewares, services, containers.

import * as api from '../api.js';
import { h, s } from '../dom.js';
import * as format from '../format.js';
import * as numbers from '../numbers.js';
import { empty, head, level, mark, meaning, page } from '../parts.js';
import { change, href } from '../place.js';
import * as way from '../way.js';
import { layout, path, span } from '../layout.js';

// Routers that are drawn at once.
const MOST = 60;
// Below this the ways are written, not drawn.
const NARROW = 760;
const TITLES = { entrypoint: 'Entry point', router: 'Router', chain: 'Middlewares', service: 'Service', server: 'Containers' };

export default {
  title: () => 'Map',
  topics: ['objects', 'configuration', 'proxies'],
  every: 1000,

  async load({ parameters }, signal) {
    const { search, status, entryPoint } = parameters;
    const [map, entryPoints] = await Promise.all([
      api.page('map', { search, status, entryPoint, per_page: MOST }, signal),
      api.get('entrypoints', signal),
    ]);
    return { ...map, entryPoints };
  },

  async tick({ items }, place, signal) {
    const [overall, routers, services] = await Promise.all([numbers.overview(signal), numbers.all('routers', signal), numbers.all('services', signal)]);
    const chosen = place.parameters.select?.match(/^service:(.*)$/)?.[1];
    const small = Object.keys(items.services).slice(0, 12);
    const wanted = new Set([chosen, ...small].filter((name) => name && services?.[name]?.requestsPerSecond > 0));
    const details = await Promise.all([...wanted].map(async (name) => [name, await numbers.of('services', name, signal)]));
    return { overall, routers: routers ?? {}, services: services ?? {}, servers: Object.fromEntries(details) };
  },

  view({ items, total, entryPoints, numbers: counted }, { parameters }) {
    const shown = items.routers.length;
    return page(
      head('Map', { lead: 'Where requests go: from the entry points to the containers.' }),
      filters(parameters, entryPoints, shown, total),
      shown === 0
        ? h('div', { class: 'card' }, parameters.search || parameters.status || parameters.entryPoint ? empty('Nothing fits', 'Search for something else, or take the filters away.') : empty('There is nothing to draw yet', 'The map fills as soon as a container with a router starts.'))
        : innerWidth < NARROW ? written(items, counted) : drawn(items, counted, parameters),
    );
  },
};

function filters(parameters, entryPoints, shown, total) {
  const select = (name, label, options) => h('label', { class: 'field' }, h('span', {}, label), h('select', { class: 'input', name, value: parameters[name] ?? '', onchange: (event) => change({ [name]: event.target.value, select: '' }) }, [['', 'all'], ...options].map(([value, text]) => h('option', { value, selected: value === (parameters[name] ?? '') }, text))));
  return h(
    'form',
    { class: 'filters', role: 'search', 'aria-label': 'Map', onsubmit: (event) => event.preventDefault() },
    h('label', { class: 'field search' }, h('span', {}, 'Search'), h('input', { class: 'input', type: 'search', id: 'search', name: 'search', placeholder: 'Router or rule', autocomplete: 'off', value: parameters.search ?? '', oninput: (event) => change({ search: event.target.value, select: '' }, { replace: true }) })),
    select('entryPoint', 'Entry point', entryPoints.map(({ name }) => [name, name])),
    select('status', 'Status', [['enabled', 'served'], ['warning', 'degraded'], ['disabled', 'rejected']]),
    h('p', { class: 'total', role: 'status' }, shown < total ? `${shown} of ${format.plural(total, 'router')}: search for the others` : format.plural(total, 'router')),
  );
}

function drawn(items, counted, parameters) {
  const { boxes, lines, height } = layout(items);
  const chosen = boxes.some(({ id }) => id === parameters.select) ? parameters.select : undefined;
  const onPath = chosen && path(chosen, lines);
  const dim = (...ids) => (onPath && !ids.every((id) => onPath.has(id)) ? ' dim' : onPath ? ' on' : '');
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const width = Math.max(document.getElementById('main').clientWidth - 56, 600);
  return h(
    'div',
    { class: 'card map' },
    h('div', { class: 'map-head', 'aria-hidden': 'true' }, Object.entries(TITLES).map(([column, title]) => h('span', { css: place(column) }, title))),
    h(
      'div',
      { class: 'map-plane', css: { height: `${height + 8}px` }, onkeydown: (event) => walk(event, boxes, lines), role: 'group', 'aria-label': 'Map of entry points, routers, middlewares, services and containers' },
      s('svg', { class: 'map-lines', 'aria-hidden': 'true', viewBox: `0 0 ${width} ${height + 8}`, preserveAspectRatio: 'none' }, lines.map((line) => stroke(line, byId, width, counted, dim(line.from, line.to)))),
      boxes.map((box) => node(box, counted, dim(box.id), chosen === box.id, items)),
    ),
    chosen && h('p', { class: 'body map-foot' }, selection(byId.get(chosen)), h('button', { type: 'button', class: 'plain', onclick: () => change({ select: '' }) }, 'Show all ways')),
  );
}

const place = (column) => {
  const [left, width] = span(column);
  return { left: `${left * 100}%`, width: `${width * 100}%` };
};

function flow(line, counted) {
  if (line.entryPoint || line.router) return counted?.routers?.[line.router]?.requestsPerSecond ?? 0;
  if (line.server) return serverRates(line.server, counted)?.requestsPerSecond ?? 0;
  return counted?.services?.[line.service]?.requestsPerSecond ?? 0;
}

const serverRates = (server, counted) => counted?.servers?.[server.service]?.servers?.find((it) => it.server === server.id)?.rates;

function stroke(line, boxes, width, counted, tone) {
  const [from, to] = [boxes.get(line.from), boxes.get(line.to)];
  if (!from || !to) return null;
  const [left, wide] = span(from.column);
  const x1 = (left + wide) * width;
  const x2 = span(to.column)[0] * width;
  const [y1, y2] = [from.y + from.height / 2 + 4, to.y + to.height / 2 + 4];
  const bend = Math.min((x2 - x1) / 2, width * 0.05);
  const rate = flow(line, counted);
  const isBroken = line.isBroken || (to.server && level(to.server.state) === 'bad');
  return s('path', {
    'data-key': `${line.from} ${line.to}`,
    class: `way${rate > 0 ? ' flows' : ''}${isBroken ? ' broken' : ''}${tone}`,
    d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`,
    'stroke-width': (1.25 + Math.min(4.5, Math.log10(1 + rate) * 1.6)).toFixed(2),
  });
}

function node(box, counted, tone, isChosen, items) {
  const { kind } = box;
  const attributes = {
    'data-key': box.id, 'data-joins': '', 'data-fade': '', 'data-box': box.id,
    class: `node node-${kind}${tone}${isChosen ? ' chosen' : ''}`,
    href: href('map', '', { ...current(), select: isChosen ? '' : box.id }),
    'aria-current': isChosen ? 'true' : undefined,
    css: { ...place(box.column), top: `${box.y + 4}px`, height: `${box.height}px` },
  };
  const rate = (rates) => (rates?.requestsPerSecond > 0 ? h('span', { class: 'node-rate' }, numbers.rate(rates)) : null);
  const content = {
    entrypoint: () => [h('strong', {}, box.name), rate(counted?.overall?.entryPoints?.[box.name]?.rates)],
    router: () => [mark(level(box.router.status), meaning(box.router.status)), h('span', { class: 'node-text' }, h('code', {}, box.router.rule ?? '–'), h('small', {}, format.local(box.router.name))), rate(counted?.routers?.[box.router.name])],
    chain: () => [h('span', { class: 'node-text' }, box.names.map(format.local).join(' → '))],
    service: () => [mark(level(box.service?.status ?? 'disabled'), meaning(box.service?.status ?? 'disabled')), h('span', { class: 'node-text' }, h('strong', {}, format.local(box.name)), h('small', {}, serviceLine(box, items))), rate(counted?.services?.[box.name])],
    server: () => [mark(level(box.server.state), meaning(box.server.state)), h('span', { class: 'node-text' }, h('strong', {}, way.serverName(box.server))), rate(serverRates(box.server, counted))],
    more: () => [h('span', { class: 'node-text' }, `and ${format.plural(box.count, 'more server')}`)],
  }[kind]();
  return h('a', { ...attributes, title: title(box) }, content);
}

const current = () => Object.fromEntries(new URLSearchParams(location.hash.split('?')[1] ?? ''));

function serviceLine({ name, service }, items) {
  if (!service) return 'is not there';
  const all = way.servers(name, items.services);
  if (service.provider === 'internal') return 'Fairway itself';
  const well = all.filter((it) => it.state === 'up').length;
  return all.length === 0 ? 'no server: 503' : `${well} of ${all.length} up${service.type === 'loadbalancer' ? '' : ` · ${way.kind(service)}`}`;
}

const title = (box) => ({
  entrypoint: () => `Entry point ${box.name}`,
  router: () => `${box.router.name}: ${box.router.rule}`,
  chain: () => box.names.join(', '),
  service: () => box.name,
  server: () => `${box.server.url} (${meaning(box.server.state)})`,
  more: () => 'the others of this service',
}[box.kind]());

function selection(box) {
  const to = {
    router: () => ['routers', box.router.name],
    service: () => ['services', box.name],
    server: () => ['services', box.server.service],
    more: () => ['services', box.service],
    chain: () => ['middlewares', box.names[0]],
    entrypoint: () => ['routers', '', { entryPoint: box.name }],
  }[box.kind]();
  return [h('strong', {}, title(box)), ' ', h('a', { href: href(...to) }, box.kind === 'entrypoint' ? 'Its routers' : 'Details'), ' '];
}

// Left and right along the ways, up and down within a column.
function walk(event, boxes, lines) {
  const id = event.target.dataset.box;
  const here = boxes.find((box) => box.id === id);
  if (!here) return;
  const column = boxes.filter((box) => box.column === here.column).sort((a, b) => a.y - b.y);
  const next = {
    ArrowDown: () => column[column.indexOf(here) + 1]?.id,
    ArrowUp: () => column[column.indexOf(here) - 1]?.id,
    ArrowRight: () => lines.find((line) => line.from === id)?.to,
    ArrowLeft: () => lines.find((line) => line.to === id)?.from,
  }[event.key]?.();
  if (!next) return;
  event.preventDefault();
  const node = [...event.currentTarget.children].find((it) => it.dataset.box === next);
  node?.focus();
}

// The same as lists within lists.
function written(items, counted) {
  return h('ul', { class: 'stack' }, items.routers.map((router) => {
    const service = items.services[router.service];
    const servers = way.servers(router.service, items.services);
    const rates = counted?.routers?.[router.name];
    return h(
      'li',
      { class: 'card way-card', 'data-key': router.name },
      h('p', { class: 'split' }, h('a', { href: href('routers', router.name) }, h('code', {}, router.rule ?? router.name)), rates && h('span', { class: 'number quiet' }, numbers.rate(rates))),
      h('p', { class: 'quiet small line-up' }, mark(level(router.status), meaning(router.status)), ` ${(router.entryPoints ?? []).join(', ')} → ${format.local(router.name)}${router.middlewares?.length ? ` → ${router.middlewares.map(format.local).join(' → ')}` : ''} → ${format.local(router.service ?? 'no service')}`),
      h('ul', { class: 'tags' }, servers.length > 0 ? servers.map((it) => h('li', { class: 'tag', 'data-key': it.id ?? it.url, 'data-joins': '' }, mark(level(it.state), meaning(it.state)), way.serverName(it))) : h('li', { class: 'quiet' }, service ? serviceLine({ name: router.service, service }, items) : 'no service')),
    );
  }));
}
