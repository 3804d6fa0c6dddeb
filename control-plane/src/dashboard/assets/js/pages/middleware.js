// One middleware: its options without secrets, and who uses it.

import * as api from '../api.js';
import { h } from '../dom.js';
import * as format from '../format.js';
import { card, empty, facts, findings, head, page, state } from '../parts.js';
import { provenance } from './router.js';
import { users } from './service.js';

export default {
  title: ({ name }) => `Middleware ${format.local(name)}`,
  topics: ['objects'],

  load: async ({ name }, signal) => ({ detail: await api.find(`detail/middlewares/${api.part(name)}`, signal) }),

  view({ detail }, { name }) {
    const crumb = ['middlewares', 'Middlewares'];
    if (!detail) return page(head(format.local(name), { crumb }), h('div', { class: 'card' }, empty('There is no such middleware now', 'Its container may have gone; what happened is under Changes.')));
    const middleware = detail.map.middlewares[name];
    return page(
      head(format.local(name), { crumb, lead: h('span', { class: 'state' }, state(middleware.status, middleware.status === 'enabled' ? 'in force' : undefined)), aside: middleware.type }),
      detail.diagnostics.length > 0 && card('Diagnostics', null, findings(detail.diagnostics)),
      h(
        'div',
        { class: 'grid' },
        card('Options', null, options(middleware)),
        card(`Used by ${format.plural(middleware.usedBy.length, 'router')}`, null, users(detail.map.routers)),
      ),
      provenance(detail.settings, middleware),
    );
  },
};

const STATE = new Set(['name', 'provider', 'status', 'error', 'containers', 'type', 'usedBy']);

function options(middleware) {
  const kind = Object.entries(middleware).find(([name]) => !STATE.has(name));
  const rows = [['Type', middleware.type], ['Provider', middleware.provider], ['Declared by', (middleware.containers ?? []).join(', ')], ...flat(kind?.[1] ?? {}, '')];
  return facts(rows);
}

// Options within options, each with its whole name.
function flat(value, path) {
  return Object.entries(value).flatMap(([name, inner]) => {
    const own = path ? `${path}.${name}` : name;
    if (inner !== null && typeof inner === 'object' && !Array.isArray(inner)) return Object.keys(inner).length > 0 ? flat(inner, own) : [[own, '–']];
    return [[own, h('code', {}, Array.isArray(inner) ? inner.map((it) => (typeof it === 'object' ? JSON.stringify(it) : it)).join(', ') : String(inner))]];
  });
}
