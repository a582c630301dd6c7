// The view-model of the made-up world, and merge patches between two of them.

import { LABELS } from './world.mjs';

const iso = (ms) => new Date(ms).toISOString();
const STEPS = ['resolve', 'download', 'verify', 'install'];
const WAITS = { breaker: 'slow.example:80 is down: too many failures in a row', disk_space: 'no room on the disk: 4.2 GB are missing', slot: 'all 3 slots are taken' };

export function rowOf(world, op) {
  const running = op.status === 'in_progress';
  const can = world.can(op);
  const row = {
    name: op.name, workflow: op.workflow, status: op.status, label: LABELS[op.status], version: op.version, step: op.step, attempt: 0, attempts_max: 6, steps_done: op.status === 'success' ? 4 : 1, steps_total: 4,
    percent: Math.round((1000 * op.done) / op.total) / 10, started_at: iso(op.started), can,
  };
  if (op.status !== 'pending') { row.attempt = op.attempt; row.attempts_max = 6; row.progress = { done: Math.round(op.done), total: op.total }; }
  if (running) { row.rate = op.shown ?? op.speed; row.eta_ms = Math.round((1000 * (op.total - op.done)) / row.rate); }
  if (op.error && !running) row.error = op.error;
  if (op.ended) row.ended_at = iso(op.ended);
  if (op.status === 'recovering') row.wait = { kind: 'backoff', text: `retry ${op.attempt} of 5 comes after a delay`, due_at: iso(op.due), host: op.host };
  if (op.status === 'paused') row.wait = { kind: 'paused', text: 'paused by mia: the line is needed' };
  if (op.status === 'waiting') row.wait = { kind: op.wait, text: WAITS[op.wait], host: op.host, ...(op.wait === 'breaker' ? { due_at: world.breakers['slow.example:80'].until } : {}) };
  return row;
}

export function detailOf(world, op) {
  const row = rowOf(world, op);
  const shown = op.events.slice(-100);
  const lanes = Object.fromEntries(STEPS.map((step, index) => [step, {
    index, segments: op.segments.filter((each) => each.lane === step).map(({ lane: _, ...each }) => ({ ...each, from: iso(each.from), ...(each.to ? { to: iso(each.to) } : { to: undefined }) })),
  }]));
  const detail = {
    id: op.id, row, input: JSON.stringify({ url: `https://${op.host}/${op.name}.safetensors`, bytes: op.total, note: '<img src=x onerror=alert(1)>' }, null, 2),
    why: why(op), actions: actions(op, row.can), steps: steps(op, row),
    graph: {
      width: 560, height: 120, nodes: { resolve: { x: 0, y: 38, w: 120, h: 44 }, download: { x: 170, y: 0, w: 130, h: 44 }, verify: { x: 170, y: 76, w: 130, h: 44 }, install: { x: 430, y: 38, w: 130, h: 44 } },
      edges: ['M120 60C145 60 145 22 170 22', 'M120 60C145 60 145 98 170 98', 'M300 22C365 22 365 60 430 60', 'M300 98C365 98 365 60 430 60'],
    },
    timeline: { from: iso(op.started), ...(op.ended ? { to: iso(op.ended) } : {}), lanes }, events: Object.fromEntries(shown.map(({ seq, ...event }) => [seq, event])), more_events: true,
  };
  if (op.at === 0) detail.deadline_at = iso(op.started + 7_200_000);
  if (op.status === 'success') {
    detail.output = JSON.stringify({ path: `/models/${op.name}.safetensors` }, null, 2);
    detail.artifacts = { 0: { step: 'install', name: `${op.name}.safetensors`, path: `/models/checkpoints/${op.name}.safetensors`, bytes: op.total, digest: 'sha256:1b7a0d5c9e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b' } };
  }
  return JSON.parse(JSON.stringify(detail));
}

function why(op) {
  if (op.status === 'recovering') return { text: 'the download failed and is tried again by itself: the connection was reset', arithmetic: [`exponential, retry ${op.attempt}: 2 s × 2^${op.attempt} = ${2 * 2 ** op.attempt} s`, 'jitter: none drawn', 'below the max delay of 300 s'], notes: ['the 48 MB that are there are kept'] };
  if (op.status === 'waiting') return { text: WAITS[op.wait], notes: ['nothing is lost meanwhile'] };
  if (op.status === 'paused') return { text: 'paused by mia 20 s ago: the line is needed' };
  return { text: `${LABELS[op.status].toLowerCase()}: ${op.step}` };
}

const TEXTS = {
  pause: 'pause: nothing starts until it is resumed', resume: 'resume: the run goes on where it stands', retry: 'retry now: tries step `download` at once; behind a breaker it becomes the next probe; the retries that are left stay the same',
  cancel: 'cancel: calls the run off for good', 'cancel-recovery': 'cancel recovery: the attempt under way is the last one', 'force-retry': 'force retry: tries step `download` at once, whatever class and breaker say, and gives all retries back; what was wrong may be wrong still',
};

function actions(op, can) {
  const all = Object.fromEntries(can.filter((verb) => TEXTS[verb]).map((verb, index) => [verb, { index, text: TEXTS[verb] }]));
  if (can.includes('skip')) all['skip:verify'] = { index: 8, text: 'skip step `verify`: you give its output, and the steps after it go on with that', step: 'verify' };
  if (op.wait === 'disk_space') all['free-space'] = { index: 0, text: 'free space: make 4.2 GB free at /models; the step goes on by itself then' };
  return all;
}

function steps(op, row) {
  const state = { in_progress: 'running', recovering: 'waiting', waiting: 'held', paused: 'held', success: 'succeeded', failed: 'failed', exhausted: 'failed', cancelled: 'stopped', pending: 'ready' }[op.status];
  const done = op.status === 'success';
  return {
    resolve: { index: 0, kind: 'resolve', status: 'succeeded', attempts: 1, text: 'one file found', output: '{\n  "files": 1\n}' },
    download: {
      index: 1, kind: 'download', status: state, needs: ['resolve'], attempt: row.attempt, attempts_max: row.attempts_max, attempts: op.attempt, progress: row.progress, rate: row.rate, eta_ms: row.eta_ms,
      since: iso(op.segments.at(-1).from), due_at: op.due ? iso(op.due) : undefined, held_by: op.status === 'waiting' ? [op.host] : undefined,
      text: op.status === 'recovering' ? 'waits before the next attempt' : undefined, arithmetic: op.due ? why(op).arithmetic : undefined, error: row.error,
    },
    verify: { index: 2, kind: 'checksum', status: done ? 'succeeded' : 'blocked', needs: ['resolve'] },
    install: { index: 3, kind: 'install', status: done ? 'succeeded' : 'blocked', needs: ['download', 'verify'], text: done ? undefined : 'waits for download and verify' },
  };
}

const ORDERS = {
  '-started': (a, b) => b.started - a.started, started: (a, b) => a.started - b.started, name: (a, b) => a.name.localeCompare(b.name), '-name': (a, b) => b.name.localeCompare(a.name),
  status: (a, b) => a.status.localeCompare(b.status), '-updated': (a, b) => b.updated - a.updated,
};

export function viewOf(world, query, readOnly) {
  const text = (name) => query.get(name) ?? '';
  const states = text('state').split(',').filter(Boolean);
  const q = text('q').toLowerCase();
  const wide = [...world.ops.values()].filter((op) => (q === '' || op.name.includes(q) || op.id.startsWith(q)) && (text('workflow') === '' || op.workflow === text('workflow'))
    && (text('host') === '' || op.host === text('host')) && (text('error') === '' || op.error?.class === text('error')));
  const counts = { all: wide.length, ...Object.fromEntries(Object.keys(LABELS).map((status) => [status, 0])) };
  for (const op of wide) counts[op.status] += 1;
  const fit = wide.filter((op) => states.length === 0 || states.includes(op.status)).sort((a, b) => (ORDERS[text('sort')] ?? ORDERS['-started'])(a, b) || a.at - b.at);
  const from = Math.min(Number(query.get('from') ?? 0), fit.length);
  const shown = fit.slice(from, from + Number(query.get('count') ?? 60));
  const active = [...world.ops.values()].filter((op) => ['in_progress', 'recovering', 'waiting', 'paused'].includes(op.status));
  const sum = (pick) => active.reduce((all, op) => all + pick(op), 0);
  const rate = sum((op) => (op.status === 'in_progress' ? op.shown ?? op.speed : 0));
  const [done, total] = [Math.round(sum((op) => op.done)), sum((op) => op.total)];
  const view = {
    v: 1, seq: world.seq, now: iso(Date.now()), engine: { name: 'launcher', version: '0.1.0', read_only: readOnly, state: 'running', started_at: iso(world.started) }, counts,
    totals: { active: active.length, done, total, rate, eta_ms: rate > 0 ? Math.round((1000 * (total - done)) / rate) : undefined },
    breakers: text('panel') === 'breakers' ? world.breakers : Object.fromEntries(Object.entries(world.breakers).filter(([, each]) => each.state !== 'closed')), stats: stats(world, text('panel') === 'stats'),
    list: { total: fit.length, from, order: shown.map((op) => op.id), rows: Object.fromEntries(shown.map((op) => [op.id, rowOf(world, op)])) }, notices: world.notices,
    buttons: { 'kill-engine': { index: 0, label: 'Kill the engine', title: 'SIGKILL, then start again', confirm: 'The engine is killed with SIGKILL and started again. Downloads go on where they stopped.' } },
  };
  if (text('panel') === 'settings') view.settings = world.settingsView();
  const op = world.ops.get(text('operation'));
  if (text('operation') !== '') view.detail = op === undefined ? { missing: true } : detailOf(world, op);
  return JSON.parse(JSON.stringify(view));
}

function stats(world, full) {
  const all = [...world.ops.values()];
  const of = (status) => all.filter((op) => op.status === status).length;
  const failed = of('failed') + of('exhausted');
  const base = { total: all.length, succeeded: of('success'), failed, cancelled: of('cancelled'), ...world.stats, recovered: Math.min(world.stats.recovered, of('success')), success_rate: Math.round((1000 * of('success')) / Math.max(1, of('success') + failed)) / 1000 };
  if (!full) return base;
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  return {
    ...base, causes: { network: { index: 0, failures: 132, retried: 131 }, timeout: { index: 1, failures: 58, retried: 55 }, resource: { index: 2, failures: 17, retried: 17 }, permission: { index: 3, failures: 3, retried: 0 } },
    hosts: { 'models.example:443': { index: 0, alive: 4, failing: 0, trips: 0 }, 'mirror.example:443': { index: 1, alive: 3, failing: 1, trips: 1 }, 'slow.example:80': { index: 2, alive: 2, failing: 2, trips: 3 } },
    recent: Object.fromEntries(Array.from({ length: 30 }, (_, at) => [at, { from: iso(minute - at * 60_000), succeeded: (at * 7) % 9, failed: at % 11 === 3 ? 2 : 0, retries: (at * 5) % 7 }])),
  };
}

export function patchOf(before, after) {
  const patch = {};
  for (const key of Object.keys(before)) if (!(key in after)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const old = before[key];
    const objects = [old, value].every((each) => typeof each === 'object' && each !== null && !Array.isArray(each));
    if (objects) {
      const inner = patchOf(old, value);
      if (Object.keys(inner).length > 0) patch[key] = inner;
    } else if (JSON.stringify(old) !== JSON.stringify(value)) patch[key] = value;
  }
  return patch;
}
