// Every service.

import { h } from '../dom.js';
import { list } from '../list.js';
import * as numbers from '../numbers.js';
import { link, mark, state } from '../parts.js';
import * as way from '../way.js';

export default list({
  title: 'Services',
  page: 'services',
  kind: 'service',
  path: 'http/services',
  topics: ['objects', 'proxies'],
  searched: 'Name',
  filters: [
    { name: 'status', label: 'Status', options: () => [['enabled', 'served'], ['warning', 'degraded'], ['disabled', 'rejected']] },
    { name: 'provider', label: 'Provider', options: () => [['docker', 'docker'], ['file', 'file'], ['internal', 'internal']] },
  ],
  tick: (data, place, signal) => numbers.all('services', signal),
  columns: [
    { title: 'Name', width: 'w-xl', sort: 'name', cell: (it) => link('services', it.name, undefined, { class: 'name', title: it.name }) },
    { title: 'Status', width: 'w-state', sort: 'status', cell: (it) => state(it.status) },
    { title: 'Servers', width: 'w-xl', class: 'wide', sort: 'servers', cell: servers },
    { title: 'Type', width: 'w-m', class: 'wide', sort: 'type', cell: (it) => way.kind(it) },
    { title: 'Used by', width: 'w-s', class: 'late number', cell: (it) => `${it.usedBy.length}` },
    { title: 'Rate', width: 'w-s', class: 'late number', cell: (it, { numbers: rates }) => (rates?.[it.name] ? numbers.rate(rates[it.name]) : '') },
    { title: 'p99', width: 'w-s', class: 'late number', cell: (it, { numbers: rates }) => (rates?.[it.name] ? numbers.latency(rates[it.name].p99) : '') },
  ],
  empty: ['No service yet', 'A container that is routed to becomes a service of its own.'],
});

function servers(service) {
  const all = service.loadBalancer?.servers;
  if (!all) return '–';
  if (all.length === 0) return h('span', { class: 'muted' }, 'none');
  const marks = { up: 'ok', partly: 'warn', ejected: 'warn', down: 'bad', unknown: 'off' };
  const states = all.map(way.serverState);
  const well = states.filter((it) => it === 'up').length;
  return h('span', { class: 'state' }, states.slice(0, 8).map((it) => mark(marks[it])), h('span', {}, `${well} of ${all.length} up`));
}
