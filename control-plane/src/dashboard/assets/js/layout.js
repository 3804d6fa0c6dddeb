// Where the parts of the map are. Pure: routers and what they lead to in, boxes and the
// lines between them out.

import * as way from './way.js';

export const WIDTHS = { entrypoint: 0.1, router: 0.26, chain: 0.12, service: 0.17, server: 0.19 };
const COLUMNS = Object.keys(WIDTHS);
const HEIGHTS = { entrypoint: 40, router: 50, chain: 34, service: 46, server: 36 };
const SPACE = 10;
const GROUP_SPACE = 22;
// Servers of one service that are drawn.
const MAX_SERVERS = 12;

// map: what `/api/map` answers. Gives { boxes, lines, height }: boxes { id, column, y, height,
// item }, lines { from, to, item } by the boxes' ids.
export function layout(map) {
  const boxes = new Map();
  const lines = [];
  let bottom = 0;
  for (const [service, routers] of grouped(map)) {
    const columns = group(service, routers, map, lines);
    const heights = Object.entries(columns).map(([column, items]) => height(column, items.length));
    const tallest = Math.max(...heights);
    for (const [column, items] of Object.entries(columns)) {
      let y = bottom + (tallest - height(column, items.length)) / 2;
      for (const item of items) {
        boxes.set(item.id, { ...item, column, y, height: HEIGHTS[column] });
        y += HEIGHTS[column] + SPACE;
      }
    }
    bottom += tallest + GROUP_SPACE;
  }
  const high = entryPoints(map, boxes, lines);
  return { boxes: [...boxes.values()], lines, height: Math.max(bottom - GROUP_SPACE, high, 0) };
}

const height = (column, count) => (count === 0 ? 0 : count * (HEIGHTS[column] + SPACE) - SPACE);

// Routers by the service they lead to, in the order of their names; Fairway's own last.
function grouped(map) {
  const groups = new Map();
  const isOwn = ({ provider }) => provider === 'internal';
  for (const router of [...map.routers].sort((a, b) => isOwn(a) - isOwn(b))) {
    const service = router.service ?? '';
    if (!groups.has(service)) groups.set(service, []);
    groups.get(service).push(router);
  }
  return groups;
}

function group(name, routers, map, lines) {
  const service = map.services[name];
  const serviceId = `service:${name}`;
  const chains = new Map();
  for (const router of routers) {
    const id = `router:${router.name}`;
    const names = router.middlewares ?? [];
    const isBroken = router.status === 'disabled';
    if (!name) continue;
    if (names.length === 0) {
      lines.push({ from: id, to: serviceId, router: router.name, isBroken });
      continue;
    }
    const chain = `chain:${name}:${names.join(' ')}`;
    if (!chains.has(chain)) {
      chains.set(chain, { id: chain, kind: 'chain', names });
      lines.push({ from: chain, to: serviceId, service: name });
    }
    lines.push({ from: id, to: chain, router: router.name, isBroken });
  }
  const all = name ? way.servers(name, map.services) : [];
  const servers = all.slice(0, MAX_SERVERS).map((server) => ({ id: `server:${name}:${server.service}:${server.id ?? server.url}`, kind: 'server', server }));
  if (all.length > MAX_SERVERS) servers.push({ id: `more:${name}`, kind: 'more', count: all.length - MAX_SERVERS, service: name });
  for (const { id, server } of servers) lines.push({ from: serviceId, to: id, server, service: name });
  return {
    router: routers.map((router) => ({ id: `router:${router.name}`, kind: 'router', router })),
    chain: [...chains.values()],
    service: name ? [{ id: serviceId, kind: 'service', name, service }] : [],
    server: servers,
  };
}

// Beside the middle of their routers, none over another.
function entryPoints(map, boxes, lines) {
  const wanted = new Map();
  for (const router of map.routers) {
    const box = boxes.get(`router:${router.name}`);
    const isBroken = router.status === 'disabled';
    for (const name of router.entryPoints ?? []) {
      if (!wanted.has(name)) wanted.set(name, []);
      wanted.get(name).push(box.y + box.height / 2);
      lines.push({ from: `entrypoint:${name}`, to: box.id, router: router.name, entryPoint: name, isBroken });
    }
  }
  const middle = (all) => all.reduce((sum, it) => sum + it, 0) / all.length;
  let free = 0;
  for (const [name, all] of [...wanted].sort((a, b) => middle(a[1]) - middle(b[1]))) {
    const y = Math.max(free, middle(all) - HEIGHTS.entrypoint / 2);
    boxes.set(`entrypoint:${name}`, { id: `entrypoint:${name}`, kind: 'entrypoint', name, column: 'entrypoint', y, height: HEIGHTS.entrypoint });
    free = y + HEIGHTS.entrypoint + SPACE;
  }
  return free - SPACE;
}

// Everything that is on a way through this box.
export function path(id, lines) {
  const found = new Set([id]);
  for (const [here, there] of [['from', 'to'], ['to', 'from']]) {
    let open = [id];
    while (open.length > 0) {
      const next = lines.filter((line) => open.includes(line[here])).map((line) => line[there]);
      open = next.filter((it) => !found.has(it) && found.add(it));
    }
  }
  return found;
}

// Left edge and width of a column, as parts of the whole.
export function span(column) {
  const gap = (1 - Object.values(WIDTHS).reduce((sum, it) => sum + it, 0)) / (COLUMNS.length - 1 || 1);
  let left = 0;
  for (const name of COLUMNS) {
    if (name === column) return [left, WIDTHS[name]];
    left += WIDTHS[name] + gap;
  }
  return [left, 0];
}
