import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import mqttPacket from 'mqtt-packet';
import type { ViteDevServer } from 'vite';
import { WebSocketServer } from 'ws';

type Msg = { at: number; payload: string; retained: boolean; messages: number; log: [number, string][] };
const topics = new Map<string, Msg>();
let lastSecond = 0;
let rate = 0;

export function publish(topic: string, payload: string, retained = false, at = Date.now() * 1000): void {
  const before = topics.get(topic);
  const log = before?.log ?? [];
  log.push([at, payload]);
  if (log.length > 200_000) log.splice(0, 1000);
  topics.set(topic, { at, payload, retained, messages: (before?.messages ?? 0) + 1, log });
  rate++;
}

function preview(topic: string, m: Msg | undefined) {
  if (!m) return { topic, payload: null, bytes: 0, binary: false, retained: false, at: null };
  return {
    topic,
    payload: m.payload.slice(0, 256),
    bytes: m.payload.length,
    binary: false,
    retained: m.retained,
    at: m.at,
  };
}

function children(parent: string | null) {
  const prefix = parent === null ? '' : `${parent}/`;
  const groups = new Map<string, { topics: number; messages: number; kids: Set<string> }>();
  for (const [topic, m] of topics) {
    if (!topic.startsWith(prefix)) continue;
    const [name, ...rest] = topic.slice(prefix.length).split('/');
    const g = groups.get(name!) ?? { topics: 0, messages: 0, kids: new Set() };
    g.topics++;
    g.messages += m.messages;
    if (rest.length > 0) g.kids.add(rest[0]!);
    groups.set(name!, g);
  }
  return [...groups].map(([name, g]) => {
    const own = topics.get(prefix + name);
    return {
      name,
      ...preview(prefix + name, own),
      own: own !== undefined,
      children: g.kids.size,
      topics: g.topics,
      messages: g.messages,
    };
  });
}

function matches(filter: string, topic: string): boolean {
  const re = filter
    .split('/')
    .map((l) => (l === '+' ? '[^/]*' : l === '#' ? '.*' : l.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
    .join('/');
  return new RegExp(`^${re}$`).test(topic);
}

function frame(digest: string): { key: string; rows: { topic: string }[] } | null {
  if (digest === '$sonde/tree') return { key: 'children', rows: children(null) };
  if (digest.startsWith('$sonde/tree/'))
    return { key: 'children', rows: children(decodeURIComponent(digest.slice(12))) };
  if (digest.startsWith('$sonde/values/')) {
    const filter = decodeURIComponent(digest.slice(14));
    const rows = [...topics]
      .filter(([t]) => matches(filter, t))
      .map(([t, m]) => ({ ...preview(t, m), messages: m.messages }));
    return { key: 'topics', rows };
  }
  return null;
}

const ADDRESS_STATE = { history: 'ok' as string };

function connection(ws: import('ws').WebSocket): void {
  const parser = mqttPacket.parser({ protocolVersion: 5 });
  const subs = new Map<string, Map<string, string>>();
  const send = (p: mqttPacket.Packet) => ws.readyState === 1 && ws.send(mqttPacket.generate(p, { protocolVersion: 5 }));
  const out = (topic: string, o: unknown) =>
    send({ cmd: 'publish', topic, payload: JSON.stringify(o), qos: 0, retain: false, dup: false });
  ws.on('message', (data) => parser.parse(data as Buffer));
  parser.on('packet', (p: mqttPacket.Packet) => {
    if (p.cmd === 'connect') {
      const bad = p.username === 'bad';
      send({ cmd: 'connack', reasonCode: bad ? 0x86 : 0, sessionPresent: false });
    } else if (p.cmd === 'subscribe') {
      for (const s of p.subscriptions) subs.set(s.topic, new Map());
      send({ cmd: 'suback', messageId: p.messageId!, granted: p.subscriptions.map(() => 0) });
    } else if (p.cmd === 'unsubscribe') {
      for (const t of p.unsubscriptions) subs.delete(t);
      send({ cmd: 'unsuback', messageId: p.messageId!, granted: p.unsubscriptions.map(() => 0) });
    } else if (p.cmd === 'publish') {
      publish(p.topic, p.payload.toString(), p.retain);
      if (p.qos === 1) send({ cmd: 'puback', messageId: p.messageId!, reasonCode: 0 });
      if (p.qos === 2) send({ cmd: 'pubrec', messageId: p.messageId!, reasonCode: 0 });
    } else if (p.cmd === 'pubrel') send({ cmd: 'pubcomp', messageId: p.messageId!, reasonCode: 0 });
    else if (p.cmd === 'pingreq') send({ cmd: 'pingresp' });
  });
  const timer = setInterval(() => {
    for (const [digest, known] of subs) {
      const made = frame(digest);
      if (!made) continue;
      const full = known.size === 0 && !known.has('');
      const fresh = made.rows.slice(0, 500).filter((r) => known.get(r.topic) !== JSON.stringify(r));
      known.set('', '');
      for (const r of fresh) known.set(r.topic, JSON.stringify(r));
      if (full || fresh.length > 0) out(digest, { full, more: Math.max(0, made.rows.length - 500), [made.key]: fresh });
    }
  }, 100);
  const status = setInterval(() => {
    if (!subs.has('$sonde/status')) return;
    out('$sonde/status', {
      status: 'ok',
      detail: '',
      namespace: 'default',
      clients: 12,
      messagesPerSecond: lastSecond,
      store: 'memory',
      history: { state: ADDRESS_STATE.history, detail: '', lastCommitUs: (Date.now() - 200) * 1000 },
    });
  }, 1000);
  ws.on('close', () => {
    clearInterval(timer);
    clearInterval(status);
  });
}

function valuesOf(topic: string, field: string, from: number, to: number): [number, number][] {
  const out: [number, number][] = [];
  for (const [at, payload] of topics.get(topic)?.log ?? []) {
    if (at < from || at >= to) continue;
    const json = JSON.parse(payload);
    const v =
      typeof json === 'number' ? (field === 'value' ? json : undefined) : (Array.isArray(json) ? json[0] : json)[field];
    if (typeof v === 'number') out.push([at, v]);
  }
  return out;
}

const iso = (us: number) => `${new Date(us / 1000).toISOString().slice(0, -1)}000Z`;

function rest(url: URL, auth: string | undefined): [number, unknown] | null {
  if (!url.pathname.startsWith('/api/')) return null;
  const closed = process.env['MOCK_CLOSED'] === '1';
  if (closed && auth === undefined) return [401, { title: 'Sign-in needed', status: 401 }];
  if (auth !== undefined && !Buffer.from(auth.slice(6), 'base64').toString().startsWith('good'))
    return [401, { title: 'Sign-in needed' }];
  const q = url.searchParams;
  if (url.pathname === '/api/v1/session')
    return [200, { namespace: 'default', principal: auth ? 'good' : 'anonymous', anonymous: !auth, publish: true }];
  if (url.pathname === '/api/v1/series') {
    const series = [];
    for (const [topic, m] of topics) {
      if (!matches(q.get('topic')!, topic)) continue;
      let json: unknown;
      try {
        json = JSON.parse(m.payload);
      } catch {
        json = m.payload;
      }
      const row = Array.isArray(json) ? json[0] : json;
      const fields = typeof row === 'object' ? Object.keys(row as object) : ['value'];
      for (const field of fields) {
        series.push({
          id: series.length,
          topic,
          field,
          unit: null,
          count: m.log.length,
          first: iso(m.log[0]![0]),
          last: iso(m.at),
          lastValue: typeof row === 'object' ? (row as Record<string, unknown>)[field] : row,
        });
      }
    }
    return [200, { series }];
  }
  if (url.pathname === '/api/v1/points') {
    const from = q.get('from') ? Date.parse(q.get('from')!) * 1000 : 0;
    const to = q.get('to') ? Date.parse(q.get('to')!) * 1000 : Infinity;
    const rows = valuesOf(q.get('topic')!, q.get('field')!, from, to).filter(([at]) => at < (Date.now() - 500) * 1000);
    const n = Number(q.get('points'));
    if (!n) return [200, { points: rows.slice(0, Number(q.get('limit') ?? 1000)).map(([t, v]) => [iso(t), v]) }];
    const a = rows[0]?.[0] ?? 0;
    const w = ((rows.at(-1)?.[0] ?? 0) - a) / n || 1;
    const buckets = new Map<number, number[]>();
    for (const [t, v] of rows) {
      const b = Math.min(n - 1, Math.floor((t - a) / w));
      buckets.set(b, [...(buckets.get(b) ?? []), v]);
    }
    return [
      200,
      {
        points: [...buckets].map(([b, vs]) => [
          iso(a + b * w),
          Math.min(...vs),
          vs.reduce((x, y) => x + y) / vs.length,
          Math.max(...vs),
        ]),
      },
    ];
  }
  return [404, { title: 'Not found' }];
}

export function attachMock(server: ViteDevServer): void {
  const wss = new WebSocketServer({ noServer: true, handleProtocols: () => 'mqtt' });
  server.httpServer?.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url !== '/mqtt') return;
    wss.handleUpgrade(request, socket, head, connection);
  });
  server.middlewares.use((request, response, next) => {
    const url = new URL(request.url ?? '/', 'http://x');
    if (url.pathname === '/mock/history') {
      ADDRESS_STATE.history = url.searchParams.get('state')!;
      response.end('ok');
      return;
    }
    const answer = rest(url, request.headers.authorization);
    if (answer === null) return next();
    response.writeHead(answer[0], { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer[1]));
  });
  setInterval(() => {
    lastSecond = rate;
    rate = 0;
  }, 1000);
  if (process.env['MOCK_EMPTY'] !== '1') populate();
}

function populate(): void {
  const now = Date.now();
  for (let s = 3 * 86400; s > 0; s -= s > 7200 ? 30 : 2) {
    const at = (now - s * 1000) * 1000;
    step(at, (now - s * 1000) / 1000, false);
  }
  publish('lab/config/name', 'Bench 4, window side', true);
  publish('lab/config/limits', '{"low":18,"high":26,"note":"agreed with the class on Monday"}', true);
  publish('door/state', 'closed', true, (now - 4000_000) * 1000);
  publish('lab/notes', `A long text that does not fit: ${'lorem ipsum '.repeat(40)}`);
  const n = Number(process.env['MOCK_DEVICES'] ?? 0);
  for (let i = 0; i < n; i++) publish(`fleet/dev${i}/status`, 'online');
  setInterval(() => step(Date.now() * 1000, Date.now() / 1000, true), 1000);
  setInterval(() => publish('lab/fast', (Math.sin(Date.now() / 900) * 10).toFixed(3)), 100);
}

let id = 0;
function step(at: number, t: number, all: boolean): void {
  publish('/sensors/temperature', (21.5 + 1.6 * Math.sin(t / 950) + Math.random() * 0.1).toFixed(2), false, at);
  publish('/sensors/pression', (1013 + 4 * Math.sin(t / 6100) + Math.random() * 0.2).toFixed(1), false, at);
  publish('/sensors/humidite', (46 - 5 * Math.sin(t / 1300) + Math.random()).toFixed(1), false, at);
  const kT = (20 + 4 * Math.sin(t / 700) + Math.random() * 0.2).toFixed(2);
  publish(
    'data-esp-0a1b2c3d',
    `[{"id":${id++},"kT":${kT},"aT":${(18.5 + Math.sin(t / 2000)).toFixed(2)},"aH":${(28 + 3 * Math.sin(t / 3000)).toFixed(1)}}]`,
    false,
    at,
  );
  if (all && Math.random() < 0.5) publish('lab/room2/co2', String(600 + Math.round(Math.random() * 40)), false, at);
}
