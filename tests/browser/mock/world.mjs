// Made-up downloads that live: they run, fail, wait, recover and end.

const HOUR = 3_600_000;
const HOSTS = ['models.example:443', 'mirror.example:443', 'slow.example:80'];
const NAMES = ['base-model', 'vae-fp16', 'text-encoder', 'upscaler-4x', 'control-depth', 'lora-ink', 'refiner', 'clip-vision', 'motion-module', 'ip-adapter', 'face-restore', 'embeddings', 'tokenizer', 'scheduler-pack'];
export const LABELS = {
  pending: 'Pending', in_progress: 'In Progress', recovering: 'Recovering', waiting: 'Waiting', paused: 'Paused', success: 'Success', failed: 'Failed',
  exhausted: 'Exhausted', cancelled: 'Cancelled',
};
const ERRORS = {
  network: { class: 'network', group: 'network', kind: 'connection_reset', title: 'Network problem', message: 'error sending request: connection reset by peer (os error 104)\n  while reading the body at byte 48234496', hint: 'Usually passes by itself; check the line if it goes on.' },
  permission: { class: 'permission', group: 'permission', kind: 'http_403', title: 'Access denied', message: 'the server answered 403 Forbidden', hint: 'Check the access token of this model, then force a retry.' },
  checksum: { class: 'validation', group: 'validation', kind: 'checksum_mismatch', title: 'The file is not the one that was promised', message: 'sha256 is 9f2c<script>alert(1)</script>, expected 1b7a', hint: 'Start again from an empty file, or ask whoever publishes it.' },
  disk: { class: 'resource', group: 'resource', kind: 'disk_full', title: 'No space left', message: 'no space left on device (os error 28)', hint: 'Free 4.2 GB on /models; it goes on by itself.' },
};
const SETTINGS = {
  max_retries: [5, 'Max retries', 'Attempts after the first one.'], initial_delay_ms: [2000, 'Initial delay', 'Wait before the first retry.'],
  backoff_factor: [2, 'Backoff factor', 'Each delay is this many times the one before.'], max_delay_ms: [300_000, 'Max delay', 'No wait is longer than this.'],
  circuit_breaker_threshold: [5, 'Circuit breaker', 'Failures in a row that open it.'], circuit_breaker_timeout_ms: [300_000, 'Breaker stays open', 'Then a probe goes out.'],
  attempts_in_flight_max: [3, 'Downloads at a time', 'Others wait for a free slot.'], bandwidth_limit: [undefined, 'Bandwidth limit', 'For all downloads together; empty for none.'],
};

const iso = (ms) => new Date(ms).toISOString();

export function makeWorld(rows, calm) {
  const world = new World();
  world.calm = calm;
  const kinds = ['in_progress', 'in_progress', 'recovering', 'waiting', 'paused', 'success', 'failed', 'exhausted', 'cancelled', 'recovering', 'in_progress', 'disk', 'slot', 'pending'];
  const many = Math.max(rows, NAMES.length);
  for (let at = 0; at < many; at += 1) {
    const active = rows > 0 && at >= 114;
    world.add(at, active ? ['success', 'success', 'success', 'failed', 'cancelled'][at % 5] : kinds[at % kinds.length]);
  }
  return world;
}

class World {
  constructor() {
    this.ops = new Map();
    this.seq = 1000;
    this.held = false;
    this.started = Date.now() - 3 * HOUR;
    this.notices = {};
    this.batches = new Map();
    this.settings = Object.fromEntries(Object.entries(SETTINGS).map(([key, [value]]) => [key, value]));
    this.stats = { recovered: 31, retry_attempts: 212, breaker_trips: 4, average_recovery_ms: 47_300 };
    this.breakers = {
      [HOSTS[2]]: { index: 0, state: 'open', mode: 'enforced', text: 'open: too many failures in a row', until: iso(Date.now() + 75_000), failures_in_row: 5, threshold: 5, held: 1, trips: 3, can: ['probe', 'close', 'isolate', 'disable'] },
      [HOSTS[1]]: { index: 1, state: 'half_open', mode: 'enforced', text: 'half open: a probe is under way', failures_in_row: 5, threshold: 5, held: 2, probe: 'run-0003', trips: 1, can: ['close', 'isolate', 'disable'] },
      [HOSTS[0]]: { index: 2, state: 'closed', mode: 'enforced', text: 'closed: everything passes', failures_in_row: 1, threshold: 5, held: 0, trips: 0, can: ['isolate', 'disable'] },
    };
  }

  add(at, kind) {
    const now = Date.now();
    const id = `run-${String(at + 1).padStart(4, '0')}`;
    const age = 60_000 + (at % 50) * 37_000;
    const op = {
      id, at, name: `${NAMES[at % NAMES.length]}${at >= NAMES.length ? `-${Math.floor(at / NAMES.length) + 1}` : ''}`, host: HOSTS[at % 3], version: 10,
      workflow: at % 5 === 4 ? 'update-nodes' : 'install-artifact', started: now - age, total: Math.round((0.8 + ((at * 7919) % 97) / 12) * 1e9), done: 0,
      speed: 4e6 + ((at * 31) % 23) * 1e6, attempt: 1, segments: [], events: [], step: 'download', status: 'pending', updated: now - age,
    };
    op.segments.push({ lane: 'resolve', kind: 'attempt', from: op.started, to: op.started + 900, attempt: 1, outcome: 'succeeded' });
    this.note(op, 'started', undefined, 'started by the launcher', op.started);
    this.note(op, 'step_succeeded', 'resolve', 'resolved to 1 file on ' + op.host, op.started + 900);
    this.ops.set(id, op);
    this.begin(op, kind, now);
  }

  begin(op, kind, now) {
    const from = op.started + 900;
    op.done = op.total * (0.1 + ((op.at * 13) % 7) / 10);
    const failed = (attempt, start, long, wait) => {
      op.segments.push({ lane: 'download', kind: 'attempt', from: start, to: start + long, attempt, outcome: 'failed', text: 'connection reset' });
      op.segments.push({ lane: 'download', kind: 'delay', from: start + long, to: start + long + wait, text: `delay of ${wait / 1000} s` });
      this.note(op, 'attempt_failed', 'download', `attempt ${attempt} failed: connection reset; retry in ${wait / 1000} s`, start + long, attempt);
      op.attempt = attempt + 1;
    };
    const run = () => op.segments.push({ lane: 'download', kind: 'attempt', from: op.segments.at(-1).to ?? from, attempt: op.attempt, outcome: 'running' });
    if (kind === 'in_progress') { if (op.at % 2) failed(1, from, 9000, 2000); run(); op.status = 'in_progress'; }
    else if (kind === 'pending') { op.done = 0; op.status = 'pending'; }
    else if (kind === 'recovering') { failed(1, from, 12_000, 2000); failed(2, from + 14_000, 18_000, 4000); op.segments.push({ lane: 'download', kind: 'attempt', from: from + 36_000, attempt: 3, outcome: 'running' }); this.fail(op, Math.max(now, from + 37_000), true); }
    else if (kind === 'paused') { run(); this.close(op, now - 20_000, 'interrupted'); op.status = 'paused'; op.segments.push({ lane: 'download', kind: 'pause', from: now - 20_000, text: 'paused by mia: the line is needed' }); }
    else if (kind === 'waiting') { failed(1, from, 9000, 2000); op.status = 'waiting'; op.host = HOSTS[2]; op.wait = 'breaker'; op.segments.push({ lane: 'download', kind: 'hold', from: now - 12_000, text: 'breaker of slow.example:80' }); }
    else if (kind === 'disk') { op.status = 'waiting'; op.wait = 'disk_space'; op.error = ERRORS.disk; op.segments.push({ lane: 'download', kind: 'hold', from: now - 30_000, text: 'no room' }); }
    else if (kind === 'slot') { op.status = 'waiting'; op.wait = 'slot'; op.done = 0; op.segments.push({ lane: 'download', kind: 'hold', from, text: 'all 3 slots are taken' }); }
    else this.finish(op, kind, now - 1000 * (op.at % 900), from);
  }

  finish(op, kind, at, from) {
    op.ended = Math.max(at, from + 5000);
    const ok = kind === 'success';
    if (op.segments.length === 1) op.segments.push({ lane: 'download', kind: 'attempt', from, to: op.ended, attempt: 1, outcome: ok ? 'succeeded' : kind === 'cancelled' ? 'interrupted' : 'failed', text: ok ? undefined : 'refused' });
    else this.close(op, op.ended, ok ? 'succeeded' : 'failed');
    op.status = kind;
    delete op.due;
    delete op.wait;
    if (ok) { op.done = op.total; op.step = 'install'; delete op.error; }
    if (kind === 'failed') op.error = op.at % 2 ? ERRORS.checksum : ERRORS.permission;
    if (kind === 'exhausted') { op.attempt = 6; op.error = ERRORS.network; }
    this.note(op, ok ? 'succeeded' : kind === 'cancelled' ? 'cancelled' : 'gave_up', undefined, ok ? 'succeeded' : kind === 'cancelled' ? 'cancelled by mia' : `gave up after ${op.attempt} attempts`, op.ended);
  }

  note(op, event, step, text, at = Date.now(), attempt = undefined) {
    this.seq += 1;
    op.version += 1;
    op.updated = at;
    op.events.push({ seq: this.seq, at: iso(at), event, ...(step ? { step } : {}), ...(attempt ? { attempt } : {}), text });
  }

  close(op, at, outcome) {
    const last = op.segments.at(-1);
    if (last.to === undefined) Object.assign(last, { to: Math.max(at, last.from + 100), ...(last.kind === 'attempt' ? { outcome } : {}) });
  }

  fail(op, now, first = false) {
    this.close(op, now, 'failed');
    if (!first) op.attempt += 1;
    const delay = Math.min(60_000, 2000 * 2 ** op.attempt);
    op.status = 'recovering';
    op.error = ERRORS.network;
    op.due = now + delay;
    op.segments.push({ lane: 'download', kind: 'delay', from: now, text: `delay of ${delay / 1000} s` });
    this.note(op, 'attempt_failed', 'download', `attempt ${op.attempt} failed: connection reset by peer; retry in ${delay / 1000} s`, now, op.attempt);
  }

  resume(op, now) {
    this.close(op, now);
    op.status = 'in_progress';
    delete op.due;
    delete op.wait;
    delete op.error;
    op.segments.push({ lane: 'download', kind: 'attempt', from: now, attempt: op.attempt, outcome: 'running' });
    this.note(op, 'attempt_started', 'download', `attempt ${op.attempt} started at byte ${Math.round(op.done)}`, now, op.attempt);
  }

  live() {
    if (this.held) return;
    const now = Date.now();
    for (const op of this.ops.values()) {
      if (op.status === 'in_progress') {
        op.shown = Math.round(op.speed * (0.8 + 0.4 * Math.abs(Math.sin(now / 3000 + op.at))));
        op.done = Math.min(op.total, op.done + op.shown / 10);
        if (op.done >= op.total) {
          if (op.attempt > 1) this.stats.recovered += 1;
          this.finish(op, 'success', now, op.started);
          this.tell(op, op.attempt > 1 ? 'recovered' : 'succeeded', `${op.name} is installed${op.attempt > 1 ? ` after ${op.attempt} attempts` : ''}`);
        } else if (!this.calm && Math.random() < 0.004) {
          if (op.attempt >= 5) {
            this.finish(op, 'exhausted', now, op.started);
            this.tell(op, 'gave_up', `${op.name} gave up after 6 attempts: connection reset`);
          } else { this.fail(op, now); this.stats.retry_attempts += 1; }
        }
      } else if (op.status === 'recovering' && op.due <= now) this.resume(op, now);
      else if (op.ended && now - op.ended > 60_000 && this.ops.size < 40 && op.status === 'success') { delete op.ended; op.done = 0; op.started = now; op.attempt = 1; op.segments = [{ lane: 'resolve', kind: 'attempt', from: now, to: now + 50, attempt: 1, outcome: 'succeeded' }]; this.resume(op, now + 50); }
    }
    const open = this.breakers[HOSTS[2]];
    if (open.until && Date.parse(open.until) < now) open.until = iso(now + 60_000);
  }

  storm(many) {
    const ops = [...this.ops.values()];
    for (let at = 0; at < many; at += 1) {
      const op = ops[(this.seq * 7) % Math.min(100, ops.length)];
      this.note(op, 'progress', 'download', `checkpoint ${this.seq}`);
      if (op.events.length > 300) op.events.shift();
    }
  }

  tell(op, kind, text) {
    this.seq += 1;
    this.notices = { ...Object.fromEntries(Object.entries(this.notices).slice(-19)), [this.seq]: { operation: op.id, name: op.name, kind, text, at: iso(Date.now()) } };
  }

  older(op, before, limit) {
    const events = op.events.filter((event) => event.seq < before).slice(-limit).map((event) => ({ v: 1, run: op.id, ...event }));
    const last = events[0]?.seq ?? before;
    const made = Array.from({ length: Math.min(limit - events.length, Math.max(0, last - 900)) }, (_, at) => ({ seq: last - 1 - at, at: iso(op.started), event: 'progress', step: 'download', attempt: 1, text: `checkpoint at ${at} MiB` }));
    return { events: [...events, ...made], ...(last - made.length > 900 ? { next: last - made.length } : {}) };
  }

  can(op) {
    if (op.status === 'in_progress') return ['pause', 'cancel', 'cancel-recovery'];
    if (op.status === 'recovering') return ['retry', 'pause', 'cancel-recovery', 'cancel'];
    if (op.status === 'waiting') return op.wait === 'slot' ? ['pause', 'cancel'] : ['retry', 'pause', 'cancel', 'force-retry'];
    if (op.status === 'pending') return ['pause', 'cancel'];
    if (op.status === 'paused') return ['resume', 'cancel'];
    return op.status === 'failed' || op.status === 'exhausted' ? ['retry', 'force-retry', 'skip'] : [];
  }

  act(id, verb, sent, ifMatch) {
    const op = this.ops.get(id);
    const now = Date.now();
    if (op === undefined) return { status: 404, code: 'unknown_operation', detail: `there is no operation ${id}`, remedy: 'look at the list' };
    if (ifMatch !== undefined && ifMatch !== `W/"${op.version}"`) return { status: 412, code: 'moved_on', detail: 'the operation has moved on', remedy: 'read it again' };
    if (!this.can(op).includes(verb.split(':')[0])) return { status: 409, code: 'not_possible', detail: `${op.name} is ${LABELS[op.status].toLowerCase()}, so it cannot ${verb}`, remedy: 'look at what it can do now' };
    this.note(op, verb.replace(':', '_'), undefined, `${verb} asked on the dashboard${sent.reason ? `: ${sent.reason}` : ''}`);
    if (verb === 'pause') { this.close(op, now, 'interrupted'); op.status = 'paused'; delete op.due; op.segments.push({ lane: 'download', kind: 'pause', from: now, text: 'paused on the dashboard' }); }
    else if (verb === 'cancel') this.finish(op, 'cancelled', now, op.started);
    else if (verb === 'cancel-recovery') { this.finish(op, 'failed', now, op.started); this.tell(op, 'gave_up', `${op.name}: recovery was cancelled`); }
    else if (verb.startsWith('skip')) this.finish(op, 'success', now, op.started);
    else { delete op.ended; this.resume(op, now); }
    return { status: 202 };
  }

  batch({ filter, action, dry_run: dry }) {
    const ids = filter.ids ?? [...this.ops.keys()].filter((id) => !filter.state || filter.state.split(',').includes(this.ops.get(id).status));
    const fit = ids.filter((id) => this.can(this.ops.get(id)).includes(action));
    if (dry) return { matched: fit.length };
    const id = `batch-${this.batches.size + 1}`;
    const batch = { matched: ids.length, done: 0, refused: {}, finished: false };
    this.batches.set(id, batch);
    const next = () => {
      for (const each of ids.splice(0, Math.max(1, Math.ceil(batch.matched / 8)))) {
        const result = this.act(each, action, {}, undefined);
        if (result.status === 202) batch.done += 1;
        else batch.refused[each] = result.detail;
      }
      if (ids.length === 0) batch.finished = true;
      if (!batch.finished) setTimeout(next, 300);
    };
    setTimeout(next, 100);
    return { batch: id, matched: batch.matched };
  }

  breaker(host, verb, sent) {
    const breaker = this.breakers[host];
    this.seq += 1;
    delete breaker.until;
    breaker.mode = { isolate: 'isolated', disable: 'disabled' }[verb] ?? 'enforced';
    breaker.state = { isolate: 'open', probe: 'half_open' }[verb] ?? 'closed';
    breaker.text = `${verb} by hand`;
    breaker.set_by = { actor: 'dashboard', reason: sent.reason ?? 'asked on the dashboard' };
    breaker.can = breaker.mode === 'enforced' ? ['isolate', 'disable'] : ['enforce'];
  }

  preview(changes) {
    const waiting = [...this.ops.values()].filter((op) => op.status === 'recovering');
    const effects = [];
    if (changes.max_retries !== undefined) effects.push({ text: `${waiting.length} recovering operations would have up to ${changes.max_retries + 1} attempts`, operations: waiting.map((op) => op.id) });
    if (changes.attempts_in_flight_max > this.settings.attempts_in_flight_max) effects.push({ text: '1 waiting operation would start now', operations: [] });
    return effects;
  }

  set(changes) {
    for (const [key, value] of Object.entries(changes)) this.settings[key] = value ?? SETTINGS[key][0];
    this.seq += 1;
  }

  settingsView() {
    return Object.fromEntries(Object.entries(SETTINGS).map(([key, [standard, label, help]], index) => [key, {
      index, ...(this.settings[key] === undefined ? {} : { value: this.settings[key] }), ...(standard === undefined ? {} : { default: standard }), changed: this.settings[key] !== standard, unit: key.endsWith('_ms') ? 'ms' : { backoff_factor: 'factor', bandwidth_limit: 'bytes_per_second' }[key] ?? 'count', min: ['max_retries', 'bandwidth_limit', 'initial_delay_ms'].includes(key) ? 0 : 1, label, help,
    }]));
  }
}
