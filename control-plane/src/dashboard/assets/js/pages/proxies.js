// The proxies, and two of them side by side.

import * as api from '../api.js';
import { spark } from '../chart.js';
import { h } from '../dom.js';
import * as format from '../format.js';
import * as numbers from '../numbers.js';
import { card, empty, head, page, state, table } from '../parts.js';
import { change } from '../place.js';

export default {
  title: () => 'Proxies',
  topics: ['proxies', 'configuration'],
  every: 1000,

  load: (place, signal) => api.get('proxies', signal),

  tick: (data, place, signal) => numbers.overview(signal),

  view({ proxies, version, numbers: counted }, { parameters }) {
    const lead = version ? h('span', {}, 'The configuration is at version ', h('code', { title: version }, format.version(version)), '.') : 'There is no configuration yet.';
    if (proxies.length === 0) {
      return page(head('Proxies', { lead }), h('div', { class: 'card' }, empty('No proxy is connected', 'A proxy that is started with the address of this control plane shows up here by itself:', h('code', {}, 'fairway-proxy --control-plane http://HOST:9090'))));
    }
    const stats = (proxy) => counted?.proxies.find((it) => it.instance === proxy.instance);
    const chosen = [parameters.a, parameters.b].map((id) => proxies.find((it) => it.instance === id));
    return page(
      head('Proxies', { lead }),
      h('div', { class: 'card' }, table(
        'Proxies',
        ['Proxy', 'State', 'Version', { text: 'Rate', number: true }, { text: 'Connections', number: true }, { text: 'CPU', number: true }, { text: 'Memory', number: true }, 'Listens on', 'Build'],
        proxies.map((it) => row(it, stats(it))),
      )),
      proxies.map(trouble),
      proxies.length > 1 && comparison(proxies, chosen, stats, parameters),
    );
  },
};

export function proxyState(proxy) {
  if (!proxy.connected) return state('gone', `gone for ${format.duration(proxy.goneMs)}`);
  if (!proxy.isCurrent) return state('behind', `behind for ${format.duration(proxy.lagMs)}`);
  if (proxy.rejections.length > 0) return state('rejecting', `rejects ${format.plural(proxy.rejections.length, 'object')}`);
  return state('current');
}

const connections = (stats) => (stats ? format.count(Object.values(stats.openConnections).reduce((sum, it) => sum + it, 0)) : '–');
const cpu = (stats) => (stats ? `${(stats.cpu * 100).toFixed(stats.cpu < 0.1 ? 1 : 0)} %` : '–');
const memory = (stats) => (stats ? format.bytes(stats.residentBytes) : '–');
const build = (proxy) => proxy.build || '–';

function row(proxy, stats) {
  return {
    key: proxy.instance,
    cells: [
      h('strong', {}, proxy.id),
      proxyState(proxy),
      h('code', { title: proxy.version ?? '' }, format.version(proxy.version)),
      stats ? h('span', { class: 'nowrap' }, spark(stats.chart.requests.slice(-60), 'tone-1'), ' ', numbers.rate(stats.chart.rates)) : '–',
      connections(stats),
      cpu(stats),
      memory(stats),
      listeners(proxy),
      h('small', {}, build(proxy)),
    ],
  };
}

const listeners = (proxy) => h('span', { class: 'tags' }, Object.entries(proxy.listeners).map(([name, address]) => h('span', { class: 'tag' }, `${name} ${address}`)));

function trouble(proxy) {
  const { rejections, unhealthy, unhealthyTotal, id } = proxy;
  if (rejections.length === 0 && unhealthyTotal === 0) return null;
  return card(
    `What ${id} does not serve as sent`, null,
    h('ul', { class: 'rows' }, rejections.map((it) => h('li', { class: 'finding' }, state('disabled', `${it.kind} ${it.name}`), h('p', {}, it.reason))), unhealthy.map((it) => h('li', { class: 'finding' }, state(it.state, `${it.service}: ${it.server}`), h('p', {}, it.reason)))),
    unhealthyTotal > unhealthy.length && h('p', { class: 'body muted' }, `and ${format.plural(unhealthyTotal - unhealthy.length, 'more server')}`),
  );
}

function comparison(proxies, [a, b], stats, parameters) {
  const choose = (name, label, other) => h(
    'label',
    { class: 'field' },
    h('span', {}, label),
    h('select', { class: 'input', name, value: parameters[name] ?? '', onchange: (event) => change({ [name]: event.target.value }) }, [['', 'choose a proxy'], ...proxies.filter((it) => it.instance !== other).map((it) => [it.instance, it.id])].map(([value, text]) => h('option', { value, selected: value === (parameters[name] ?? '') }, text))),
  );
  return card(
    'Compare two', null,
    h('div', { class: 'body filters' }, choose('a', 'One', parameters.b), choose('b', 'The other', parameters.a)),
    a && b ? differences(a, b, stats) : h('p', { class: 'body muted' }, 'Choose two proxies to see what is different between them.'),
  );
}

function differences(a, b, stats) {
  const listed = (items) => (items.length > 0 ? [...items].sort().join('; ') : 'nothing');
  const rates = (proxy) => stats(proxy)?.chart.rates;
  const rows = [
    ['State', (it) => (it.connected ? (it.isCurrent ? 'up to date' : 'behind') : 'disconnected'), true],
    ['Version', (it) => format.version(it.version), true],
    ['Build', build, true],
    ['Rejects', (it) => listed(it.rejections.map((of) => `${of.kind} ${of.name}`)), true],
    ['Leaves out', (it) => listed(it.unhealthy.map((of) => `${of.service}: ${of.server}`)), true],
    ['Listens on', (it) => listed(Object.entries(it.listeners).map(([name, address]) => `${name} ${address}`)), false],
    ['Rate', (it) => numbers.rate(rates(it)), false],
    ['Errors', (it) => format.percent(numbers.errors(rates(it))), false],
    ['p50', (it) => numbers.latency(rates(it)?.p50), false],
    ['p99', (it) => numbers.latency(rates(it)?.p99), false],
    ['Connections', (it) => connections(stats(it)), false],
    ['CPU', (it) => cpu(stats(it)), false],
    ['Memory', (it) => memory(stats(it)), false],
  ];
  return table('Two proxies side by side', ['', a.id, b.id, 'Same'].map((text) => (text === '' ? h('span', { class: 'unseen' }, 'Aspect') : text)).map((text) => ({ text })), rows.map(([name, value, isCompared]) => {
    const [left, right] = [value(a), value(b)];
    const same = left === right ? state('up', 'same') : state('behind', 'different');
    return { key: name, cells: [name, left, right, isCompared ? same : ''] };
  }));
}
