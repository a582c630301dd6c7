// A made-up server for the page: serves it under the same headers as the real one, with a moving view-model.
// Node alone, no packages. `node tests/browser/mock.mjs --port 7979 --rows 10000 --rate 1000 --read-only --base /sub/`

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { makeWorld } from './mock/world.mjs';
import { withoutComments } from './mock/strip.mjs';
import { viewOf, detailOf, patchOf } from './mock/view.mjs';
import { framed, messages } from './mock/frames.mjs';

const PAGE = new URL('../../dashboard/page/', import.meta.url);
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };
const HEADERS = {
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};
const MESSAGE_MS = 80;

/**
 * @param {{port?: number, rows?: number, rate?: number, readOnly?: boolean, base?: string, token?: string, open?: boolean, calm?: boolean}} options
 *   `rate` events per second beyond the ordinary life of the downloads; `open` needs no token; nothing fails by itself if `calm`
 */
export async function startMock(options = {}) {
  const { port = 0, rows = 0, rate = 0, readOnly = false, base = '/', token = 'dev', open = false, calm = false } = options;
  const world = makeWorld(rows, calm);
  const life = setInterval(() => world.live(), 100);
  const storm = rate > 0 ? setInterval(() => world.storm(Math.ceil(rate / 50)), 20) : undefined;
  const streams = new Set();
  const context = { world, readOnly, token, open, streams, requests: [] };
  const server = createServer((request, response) => {
    answer(context, request, response, base).catch((error) => {
      if (!response.headersSent) response.writeHead(500, HEADERS);
      response.end(String(error));
    });
  });
  server.on('upgrade', (request, socket) => upgrade(context, request, socket, base));
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  const origin = `http://127.0.0.1:${server.address().port}${base}`;
  return {
    world, origin, url: `${origin}#token=${token}`, requests: context.requests, port: server.address().port,
    drop() { for (const stream of streams) stream.destroy(); },
    async close() {
      clearInterval(life);
      clearInterval(storm);
      for (const stream of streams) stream.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}

async function answer(context, request, response, base) {
  const url = new URL(request.url, 'http://mock');
  context.requests.push(`${request.method} ${url.pathname}`);
  if (!url.pathname.startsWith(base)) return problem(response, 404, 'not_found', 'there is nothing here', '');
  const path = url.pathname.slice(base.length);
  if (!path.startsWith('api/') && path !== 'healthz') return file(response, path === '' ? 'index.html' : path);
  if (path === 'healthz') return json(response, 200, { status: 'ok' });
  if (path === 'api/v1/session') {
    if (request.headers.authorization !== `Bearer ${context.token}`) return problem(response, 401, 'wrong_token', 'this is not the token of this server', 'copy it from what the launcher printed');
    response.writeHead(204, { ...HEADERS, 'set-cookie': `resurge_mock=${context.token}; HttpOnly; SameSite=Strict; Path=/` });
    return response.end();
  }
  if (!context.open && !(request.headers.cookie ?? '').includes(`resurge_mock=${context.token}`)) return problem(response, 401, 'unauthorized', 'no token was sent', 'open the address that the launcher printed');
  if (request.method !== 'GET' && context.readOnly) return problem(response, 403, 'read_only', 'this dashboard is read only', 'start the launcher without read-only');
  return route(context, request, response, path, url.searchParams, await body(request));
}

async function file(response, path) {
  const ending = path.split('.').pop();
  if (!TYPES[ending] || path.includes('..')) return problem(response, 404, 'not_found', 'there is no such file', '');
  const data = await readFile(fileURLToPath(new URL(path, PAGE))).catch(() => undefined);
  if (data === undefined) return problem(response, 404, 'not_found', 'there is no such file', '');
  response.writeHead(200, { ...HEADERS, 'content-type': TYPES[ending], 'cache-control': 'no-cache' });
  response.end(['js', 'css'].includes(ending) ? withoutComments(data.toString()) : data);
}

function upgrade(context, request, socket, base) {
  const isIn = context.open || (request.headers.cookie ?? '').includes(`resurge_mock=${context.token}`);
  if (request.url !== `${base}api/v1/ws` || !isIn) return socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
  context.streams.add(socket);
  let query;
  let seen;
  const look = () => structuredClone(viewOf(context.world, query, context.readOnly));
  const send = (type, data) => socket.write(framed(JSON.stringify({ type, seq: data.seq ?? seen.seq, data })));
  socket.on('data', messages((text) => {
    query = new URLSearchParams(JSON.parse(text).view);
    seen = look();
    send('snapshot', seen);
  }, () => socket.end()));
  const pulse = setInterval(() => {
    if (context.world.held || query === undefined) return;
    const next = look();
    const patch = patchOf(seen, next);
    if (Object.keys(patch).some((key) => key !== 'now')) send('patch', patch);
    seen = next;
  }, MESSAGE_MS);
  socket.on('error', () => {});
  socket.on('close', () => {
    clearInterval(pulse);
    context.streams.delete(socket);
  });
}

async function route({ world }, request, response, path, query, sent) {
  const parts = path.split('/').map(decodeURIComponent).slice(2);
  const [kind, id, verb] = parts;
  if (kind === 'operations' && request.method === 'GET') {
    const op = world.ops.get(id);
    if (op === undefined) return problem(response, 404, 'unknown_operation', `there is no operation ${id}`, 'look at the list');
    if (verb === 'events') return json(response, 200, world.older(op, Number(query.get('before')), Number(query.get('limit'))));
    return json(response, 200, detailOf(world, op));
  }
  if (kind === 'operations') {
    const result = world.act(id, parts.length > 3 ? `skip:${parts[3]}` : verb, sent, request.headers['if-match']);
    if (result.status !== 202) return problem(response, result.status, result.code, result.detail, result.remedy);
    return json(response, 202, { operation: id, seq: world.seq });
  }
  if (kind === 'batches' && request.method === 'POST') return json(response, 202, world.batch(sent));
  if (kind === 'batches') {
    const batch = world.batches.get(id);
    if (batch === undefined) return problem(response, 404, 'unknown_batch', 'there is no such batch', '');
    if (request.method === 'DELETE') batch.finished = true;
    return json(response, 200, batch);
  }
  if (kind === 'breakers') {
    world.breaker(id, verb, sent);
    return json(response, 202, { seq: world.seq });
  }
  if (kind === 'settings' && id === 'preview') return json(response, 200, { effects: world.preview(sent.changes) });
  if (kind === 'settings') {
    world.set(sent.changes);
    return json(response, 200, {});
  }
  if (kind === 'stats') return json(response, 200, {});
  if (kind === 'buttons') {
    world.pressed = id;
    return json(response, 202, {});
  }
  return problem(response, 404, 'not_found', 'there is no such route', '');
}

async function body(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const text = Buffer.concat(pieces).toString();
  return text === '' ? {} : JSON.parse(text);
}

function json(response, status, data) {
  response.writeHead(status, { ...HEADERS, 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(data));
}

function problem(response, status, code, detail, remedy) {
  response.writeHead(status, { ...HEADERS, 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ type: `about:blank#${code}`, title: code, status, detail, code, remedy }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const flag = (name) => (process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : undefined);
  const mock = await startMock({
    port: Number(flag('port') ?? 7979), rows: Number(flag('rows') ?? 0), rate: Number(flag('rate') ?? 0), base: flag('base') ?? '/',
    readOnly: process.argv.includes('--read-only'), open: process.argv.includes('--open'), calm: process.argv.includes('--calm'),
  });
  console.log(mock.url);
}
