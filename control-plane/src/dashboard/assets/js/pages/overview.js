// The current state at a glance.

import * as api from '../api.js';
import { chart } from '../chart.js';
import { h } from '../dom.js';
import * as format from '../format.js';
import * as numbers from '../numbers.js';
import { card, empty, findings, head, level, mark, page, tags } from '../parts.js';
import { href } from '../place.js';
import * as way from '../way.js';
import { cause, summary } from './changes.js';
import { proxyState } from './proxies.js';

// Routers that are shown with their containers.
const ROUTES = 12;

export default {
  title: () => 'Overview',
  topics: ['objects', 'configuration', 'proxies', 'changes'],
  every: 1000,

  async load(place, signal) {
    const [overview, map, diagnostics, changes, proxies] = await Promise.all([
      api.get('overview', signal),
      api.page('map', { per_page: ROUTES, sortBy: 'provider' }, signal),
      api.page('diagnostics', { per_page: 5 }, signal),
      api.get('changes?limit=4', signal),
      api.get('proxies', signal),
    ]);
    return { overview, map, diagnostics, changes, proxies };
  },

  tick: async (data, place, signal) => {
    const [all, routers] = await Promise.all([numbers.overview(signal), numbers.all('routers', signal)]);
    return { all, routers };
  },

  view({ overview, map, diagnostics, changes, proxies, numbers: counted }, place, redraw) {
    return page(
      head('Overview', { lead: verdict(overview, proxies) }),
      counted?.all && numbers.charts(counted.all.overall, counted.all.window, redraw, chart),
      tiles(overview),
      card('What is served by what', h('a', { href: href('map') }, 'Map'), routes(map, counted?.routers)),
      h(
        'div',
        { class: 'grid' },
        card('Diagnostics', h('a', { href: href('diagnostics') }, diagnostics.total > 0 ? `all ${format.count(diagnostics.total)}` : ''), diagnostics.items.length > 0 ? findings(diagnostics.items) : empty('Nothing is wrong', 'Everything is served as it was written.')),
        h(
          'div',
          { class: 'stack' },
          card('Proxies', h('a', { href: href('proxies') }, 'Compare'), proxyList(proxies)),
          card('Last changes', h('a', { href: href('changes') }, 'All'), changes.length > 0 ? h('ul', { class: 'rows' }, changes.map(changeRow)) : empty('Nothing yet')),
        ),
      ),
    );
  },
};

// The whole state in one sentence.
function verdict({ http, servers }, { proxies, version }) {
  const connected = proxies.filter((it) => it.connected);
  const behind = connected.filter((it) => !it.isCurrent);
  const bad = [
    connected.length === 0 && 'no proxy is connected',
    http.routers.errors > 0 && `${format.plural(http.routers.errors, 'router is', 'routers are')} not served`,
    servers.errors > 0 && `${format.plural(servers.errors, 'server is', 'servers are')} down`,
  ].filter(Boolean);
  const poor = [
    http.routers.warnings > 0 && `${format.plural(http.routers.warnings, 'router is', 'routers are')} degraded`,
    behind.length > 0 && `${format.plural(behind.length, 'proxy is', 'proxies are')} behind`,
  ].filter(Boolean);
  const said = [...bad, ...poor];
  const text = said.length > 0 ? `${said.join(', ')}.`.replace(/^./, (first) => first.toUpperCase()) : `All of ${format.plural(http.routers.total, 'router')} served by ${format.plural(connected.length, 'proxy', 'proxies')}, all up to date.`;
  return h('span', { class: 'verdict-line', id: 'verdict' }, mark(bad.length > 0 ? 'bad' : poor.length > 0 ? 'warn' : 'ok'), h('span', {}, text), version && h('code', { class: 'muted', title: `configuration ${version}` }, format.version(version)));
}

function tiles({ http, servers, proxies }) {
  const words = { routers: ['served', 'degraded', 'rejected'], services: ['served', 'degraded', 'rejected'], servers: ['up', 'down for some', 'down'], middlewares: ['in force', 'degraded', 'rejected'], proxies: ['up to date', 'behind', 'gone'] };
  const all = { routers: http.routers, services: http.services, servers, middlewares: http.middlewares, proxies };
  return h('ul', { class: 'tiles' }, Object.entries(all).map(([name, counts]) => tile(name, counts, words[name])));
}

function tile(name, { total, warnings, errors }, [ok, warn, bad]) {
  const to = name === 'servers' ? 'services' : name;
  const well = total - warnings - errors;
  const part = (tone, number) => number > 0 && h('span', { class: `part is-${tone}`, css: { 'flex-grow': String(number) } });
  const legend = (tone, number, word, status) => number > 0 && h('a', { class: 'state', href: href(to, '', status && to === name && name !== 'proxies' ? { status } : {}) }, mark(tone), h('span', {}, `${format.count(number)} ${word}`));
  return h(
    'li',
    { class: 'card tile', 'data-key': name },
    h('a', { class: 'tile-head', href: href(to) }, h('span', {}, name[0].toUpperCase() + name.slice(1)), h('strong', {}, format.count(total))),
    h('span', { class: 'bar', 'aria-hidden': 'true' }, part('ok', well), part('warn', warnings), part('bad', errors)),
    h('span', { class: 'legend-row' }, total === 0 ? h('span', { class: 'muted' }, 'none') : [legend('ok', well, ok), legend('warn', warnings, warn, 'warning'), legend('bad', errors, bad, 'disabled')]),
  );
}

function routes({ items, total }, rates) {
  const { services } = items;
  const routers = items.routers.filter(({ provider }) => provider !== 'internal');
  if (routers.length === 0) return empty('No router yet', 'Start a container that says which requests it wants:', h('code', {}, 'docker run --label \'traefik.http.routers.web.rule=PathPrefix(`/`)\' nginx'));
  return [
    h('ul', { class: 'rows routes' }, routers.map((router) => h(
      'li',
      { 'data-key': router.name, class: 'route' },
      h('span', { class: 'route-rule' }, mark(level(router.status), router.status), h('a', { href: href('routers', router.name), title: router.name }, h('code', {}, router.rule ?? format.local(router.name)))),
      h('span', { class: 'route-arrow muted', 'aria-hidden': 'true' }, '→'),
      targets(router, services),
      h('span', { class: 'route-rate number quiet' }, rates?.[router.name] ? numbers.rate(rates[router.name]) : ''),
    ))),
    total > items.routers.length && h('p', { class: 'body' }, h('a', { href: href('map') }, `all ${format.count(total)} on the map`)),
  ];
}

function targets(router, services) {
  const service = services[router.service];
  if (router.status === 'disabled') return h('span', { class: 'quiet' }, router.error?.[0] ?? 'rejected');
  if (service?.provider === 'internal') return h('span', { class: 'quiet' }, `Fairway itself (${format.local(router.service)})`);
  const servers = way.servers(router.service, services);
  if (servers.length === 0) return h('span', { class: 'state' }, mark('bad'), h('span', { class: 'quiet' }, service?.error?.[0] ?? 'no server: answers 503'));
  const shown = servers.slice(0, 8);
  return tags(...shown.map((it) => h('a', { class: 'tag', 'data-key': it.id ?? it.url, 'data-joins': '', href: href('services', it.service), title: it.url }, mark(level(it.state), it.state), way.serverName(it))), servers.length > shown.length && h('span', { class: 'tag' }, `+${servers.length - shown.length}`));
}

function proxyList({ proxies }) {
  if (proxies.length === 0) return empty('No proxy is connected', 'Nothing is served until one is.');
  return h('ul', { class: 'rows' }, proxies.map((it) => h('li', { class: 'split', 'data-key': it.instance }, h('strong', {}, it.id), proxyState(it))));
}

const changeRow = (of) => h('li', { 'data-key': `${of.sequence}`, 'data-joins': '' }, h('div', { class: 'split' }, h('a', { href: href('changes') }, summary(of)), h('time', { class: 'muted nowrap', datetime: new Date(of.at).toISOString() }, format.ago(of.at))), h('p', { class: 'quiet small' }, cause(of)));
