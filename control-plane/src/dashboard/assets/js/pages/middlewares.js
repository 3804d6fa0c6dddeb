// Every middleware.

import { h } from '../dom.js';
import { list } from '../list.js';
import { link, state } from '../parts.js';

export default list({
  title: 'Middlewares',
  page: 'middlewares',
  kind: 'middleware',
  path: 'http/middlewares',
  topics: ['objects'],
  searched: 'Name',
  filters: [
    { name: 'status', label: 'Status', options: () => [['enabled', 'in force'], ['warning', 'degraded'], ['disabled', 'rejected']] },
    { name: 'provider', label: 'Provider', options: () => [['docker', 'docker'], ['file', 'file']] },
  ],
  columns: [
    { title: 'Name', width: 'w-xl', sort: 'name', cell: (it) => link('middlewares', it.name, undefined, { class: 'name', title: it.name }) },
    { title: 'Status', width: 'w-state', sort: 'status', cell: (it) => state(it.status, it.status === 'enabled' ? 'in force' : undefined) },
    { title: 'Type', width: 'w-m', class: 'wide', sort: 'type', cell: (it) => it.type ?? '–' },
    { title: 'Declared by', width: 'w-xl', class: 'wide', cell: (it) => (it.containers ?? []).join(', ') || it.provider },
    { title: 'Used by', width: 'w-s', class: 'late number', cell: (it) => (it.usedBy.length > 0 ? `${it.usedBy.length}` : h('span', { class: 'muted' }, 'nobody')) },
  ],
  empty: [
    'No middleware yet',
    'A middleware changes or refuses requests on their way. Declare one with a label such as:',
    h('code', {}, 'traefik.http.middlewares.strip.stripprefix.prefixes=/api'),
  ],
});
