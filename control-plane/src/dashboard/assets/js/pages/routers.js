// Every router.

import * as api from '../api.js';
import { h } from '../dom.js';
import * as format from '../format.js';
import { list } from '../list.js';
import * as numbers from '../numbers.js';
import { link, state } from '../parts.js';

const STATUS = [['enabled', 'served'], ['warning', 'degraded'], ['disabled', 'rejected']];

export default list({
  title: 'Routers',
  page: 'routers',
  kind: 'router',
  path: 'http/routers',
  topics: ['objects'],
  searched: 'Name or rule',
  filters: [
    { name: 'status', label: 'Status', options: () => STATUS },
    { name: 'entryPoint', label: 'Entry point', options: ({ entryPoints }) => entryPoints.map(({ name }) => [name, name]) },
    { name: 'provider', label: 'Provider', options: () => [['docker', 'docker'], ['file', 'file'], ['internal', 'internal']] },
  ],
  extra: async (signal) => ({ entryPoints: await api.get('entrypoints', signal) }),
  tick: (data, place, signal) => numbers.all('routers', signal),
  columns: [
    { title: 'Name', width: 'w-l', sort: 'name', cell: (it) => link('routers', it.name, undefined, { class: 'name', title: it.name }) },
    { title: 'Status', width: 'w-state', sort: 'status', cell: (it) => state(it.status) },
    { title: 'Rule', width: 'w-xl', class: 'wide', sort: 'rule', cell: (it) => h('code', { title: it.rule }, it.rule ?? '–') },
    { title: 'Service', width: 'w-l', class: 'wide', sort: 'service', cell: (it) => (it.service ? link('services', it.service) : '–') },
    { title: 'Entry points', width: 'w-m', class: 'late', sort: 'entryPoints', cell: (it) => (it.entryPoints ?? []).join(', ') },
    { title: 'Priority', width: 'w-s', class: 'late number', sort: 'priority', cell: (it) => format.priority(it.priority) },
    { title: 'Rate', width: 'w-s', class: 'late number', cell: (it, { numbers: rates }) => (rates?.[it.name] ? numbers.rate(rates[it.name]) : '') },
  ],
  empty: [
    'No router yet',
    'A router says which requests go to which container. Start a container with a label such as:',
    h('code', {}, 'traefik.http.routers.web.rule=Host(`example.com`)'),
  ],
});
