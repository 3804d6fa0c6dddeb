// Where the user is: `#/page/name?parameter=value`. The whole state of a page is in there,
// so that it can be kept, sent and gone back to.

export function read() {
  const hash = location.hash.startsWith('#/') ? location.hash.slice(2) : '';
  const at = hash.indexOf('?');
  const path = at < 0 ? hash : hash.slice(0, at);
  const [page, ...rest] = path.split('/');
  const parameters = new URLSearchParams(at < 0 ? '' : hash.slice(at + 1));
  let name = rest.join('/');
  try { name = decodeURIComponent(name); } catch { /* As it stands, then. */ }
  return { page: page || 'overview', name, parameters: Object.fromEntries(parameters) };
}

export function href(page, name, parameters) {
  const path = name ? `${page}/${encodeURIComponent(name)}` : page;
  const set = Object.entries(parameters ?? {}).filter(([, value]) => value);
  const query = new URLSearchParams(set).toString();
  return `#/${path}${query ? `?${query}` : ''}`;
}

// Changes parameters of the page that is shown. What is typed replaces its own traces.
export function change(parameters, { replace = false } = {}) {
  const now = read();
  const to = href(now.page, now.name, { ...now.parameters, ...parameters });
  if (to === location.hash) return;
  history[replace ? 'replaceState' : 'pushState'](history.state, '', to);
  dispatchEvent(new HashChangeEvent('hashchange'));
}
