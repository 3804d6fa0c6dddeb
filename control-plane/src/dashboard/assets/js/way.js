// From a router to the containers behind it, read out of what `/api/map` says.

// The word of `parts.state` for one server, over all proxies.
export function serverState(server) {
  const well = server.proxies.length;
  const unwell = server.unhealthy ?? [];
  if (well > 0 && unwell.length === 0) return 'up';
  if (well > 0) return 'partly';
  if (unwell.length === 0) return 'unknown';
  return unwell.every((it) => it.state === 'ejected') ? 'ejected' : 'down';
}

// Names of the services that a service consists of, as they are listed.
export function parts(service) {
  const { weighted, highestRandomWeight, mirroring, failover } = service;
  const own = (name) => (name.includes('@') ? name : `${name}@${service.provider}`);
  const shares = (of, kind) => (of?.services ?? []).map((it) => ({ name: own(it.name), role: `${kind} ${it.weight ?? 1}` }));
  return [
    ...shares(weighted, 'weight'),
    ...shares(highestRandomWeight, 'weight'),
    ...(mirroring ? [{ name: own(mirroring.service), role: 'answers' }, ...(mirroring.mirrors ?? []).map((it) => ({ name: own(it.name), role: `copies of ${it.percent} %` }))] : []),
    ...(failover ? [{ name: own(failover.service), role: 'main' }, { name: own(failover.fallback), role: 'fallback' }] : []),
  ];
}

// Every server that a service leads to, with the service that has it.
export function servers(name, services, seen = new Set()) {
  const service = services[name];
  if (!service || seen.has(name)) return [];
  seen.add(name);
  const own = (service.loadBalancer?.servers ?? []).map((server) => ({ ...server, service: name, state: serverState(server) }));
  return [...own, ...parts(service).flatMap((part) => servers(part.name, services, seen))];
}

// How a service is called where there is little room.
export const kind = (service) => {
  if (!service) return '';
  if (service.provider === 'internal') return 'Fairway itself';
  return { loadbalancer: 'load balancer', weighted: 'weighted', mirroring: 'mirroring', failover: 'failover', highestrandomweight: 'by client address' }[service.type] ?? '';
};

export const serverName = (server) => server.container || server.url;
