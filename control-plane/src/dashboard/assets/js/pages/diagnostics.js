// Everything that is not served as written, newest first.

import * as api from '../api.js';
import { h } from '../dom.js';
import * as format from '../format.js';
import { empty, finding, head, page } from '../parts.js';
import { change } from '../place.js';

const PER_PAGE = 100;

export default {
  title: () => 'Diagnostics',
  topics: ['objects', 'proxies', 'changes'],

  async load({ parameters }, signal) {
    const { search, status, provider } = parameters;
    const pages = Number(parameters.pages) || 1;
    return api.page('diagnostics', { search, status, provider, per_page: pages * PER_PAGE }, signal);
  },

  view({ items, total }, { parameters }) {
    const isFiltered = parameters.search || parameters.status || parameters.provider;
    return page(
      head('Diagnostics', { lead: 'What is not served as it was written: what is wrong, and what would work. Newest first.' }),
      filters(parameters, total),
      h(
        'div',
        { class: 'card' },
        items.length > 0
          ? h('ul', { class: 'rows' }, items.map((it) => {
            const row = finding(it);
            row.dataset.key = [it.node, it.container, it.label, it.object, it.message].join('|');
            row.dataset.joins = '';
            return row;
          }))
          : isFiltered ? empty('Nothing fits', 'Search for something else, or take the filters away.') : empty('Everything is served as it was written', 'Labels that are misspelt, rules that do not parse, containers that cannot be reached and the like show up here.'),
      ),
      items.length < total && h('p', {}, h('button', { class: 'button', type: 'button', onclick: () => change({ pages: String((Number(parameters.pages) || 1) + 1) }) }, `Show more of ${format.count(total)}`)),
    );
  },
};

function filters(parameters, total) {
  const select = (name, label, options) => h(
    'label',
    { class: 'field' },
    h('span', {}, label),
    h('select', { class: 'input', name, value: parameters[name] ?? '', onchange: (event) => change({ [name]: event.target.value }) }, [['', 'all'], ...options].map(([value, text]) => h('option', { value, selected: value === (parameters[name] ?? '') }, text))),
  );
  return h(
    'form',
    { class: 'filters', role: 'search', 'aria-label': 'Diagnostics', onsubmit: (event) => event.preventDefault() },
    h('label', { class: 'field search' }, h('span', {}, 'Search'), h('input', { class: 'input', type: 'search', id: 'search', name: 'search', placeholder: 'Container, label, object or text', autocomplete: 'off', value: parameters.search ?? '', oninput: (event) => change({ search: event.target.value }, { replace: true }) })),
    select('status', 'Severity', [['error', 'errors'], ['warning', 'warnings']]),
    select('provider', 'From', [['docker', 'docker'], ['file', 'file'], ['static', 'flags'], ['proxy', 'a proxy']]),
    h('p', { class: 'total', role: 'status' }, format.plural(total, 'diagnostic')),
  );
}
