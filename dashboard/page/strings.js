// @ts-check
// Every word of the page that does not come from the server, in one table.

/** @type {Record<string, string | [one: string, other: string]>} */
const EN = {
  'app.title': 'Downloads',
  'nav.list': 'Operations', 'nav.breakers': 'Breakers', 'nav.stats': 'Statistics',
  'nav.settings': 'Settings', 'nav.activity': 'Activity', 'nav.theme': 'Theme', 'nav.keys': 'Keyboard shortcuts',
  'activity.unread': ['{n} new', '{n} new'],
  'theme.auto': 'Theme: as the system', 'theme.light': 'Theme: light', 'theme.dark': 'Theme: dark',

  'link.live': 'Live', 'link.connecting': 'Connecting', 'link.gone': 'Offline', 'link.asleep': 'Paused', 'link.stopped': 'Stopped',
  'gone.label': 'Connection', 'gone.title': 'The engine does not answer.',
  'gone.since': 'What you see is from {at}; downloads that it runs may be standing still.',
  'gone.stopped': 'The engine has stopped.', 'gone.until': 'What you see is from {at}. Start the launcher again to go on.',
  'gone.next': 'Trying again in {left}', 'gone.now': 'Trying now', 'gone.try': 'Try now',
  'gone.refused': 'The server does not show this.', 'gone.busy': 'The server has no room for another page. Close one that is open elsewhere.',
  'gone.back': ['Connected again, caught up with {n} event.', 'Connected again, caught up with {n} events.'],
  'gone.version': 'This page is older than the server.', 'gone.load': 'Load it again',

  'login.title': 'This page needs its token',
  'login.text': 'Open the address that the launcher printed when it started: it ends with #token=… '
    + 'Or paste the token here. It is kept in a file that only you can read; the launcher prints where.',
  'login.label': 'Token or whole address', 'login.go': 'Open the dashboard',
  'login.wrong': 'That token is not the one of this server. Copy it again from what the launcher printed.',
  'login.slow': 'Too many wrong tokens. Wait a moment, then try again.',

  'totals.label': 'All downloads under way',
  'totals.active': ['{n} active', '{n} active'], 'totals.none': 'Nothing under way',
  'totals.left': '{left} left', 'totals.rate': 'Rate of the last minutes',
  'bytes.left': '{left} left',

  'status.all': 'All', 'status.pending': 'Pending', 'status.in_progress': 'In Progress',
  'status.recovering': 'Recovering', 'status.waiting': 'Waiting', 'status.paused': 'Paused',
  'status.success': 'Success', 'status.failed': 'Failed', 'status.exhausted': 'Exhausted',
  'status.cancelled': 'Cancelled',
  'chips.label': 'Filter by status',
  'filter.search': 'Search', 'filter.placeholder': 'Name, id, workflow or error', 'filter.sort': 'Order',
  'filter.workflow': 'workflow {value}', 'filter.error': 'error {value}', 'filter.host': 'host {value}',
  'filter.remove': 'Remove the filter {what}', 'filter.clear': 'Clear all filters', 'filter.active': 'Filters',
  'sort.-started': 'Newest first', 'sort.started': 'Oldest first', 'sort.name': 'Name A–Z', 'sort.-name': 'Name Z–A',
  'sort.status': 'Status', 'sort.-updated': 'Last changed',
  'hold.on': 'Hold the page still', 'hold.off': 'Go on live', 'hold.held': 'Held still',

  'list.label': 'Operations', 'list.count': ['{n} operation', '{n} operations'],
  'list.empty': 'No operations yet', 'list.empty.text': 'What the launcher downloads will appear here by itself.',
  'list.nothing': 'Nothing fits these filters', 'list.loading': 'Loading',
  'list.select': 'Select {name}', 'list.fits': ['{n} fits', '{n} fit'],
  'row.attempt': 'Attempt {n}/{max}', 'row.attempt.open': 'Attempt {n}', 'row.step': '{step} · {done} of {total} steps done',
  'row.took': 'took {time}', 'row.ended': 'ended {at}', 'row.progress': 'Progress of {name}',
  'progress.unknown': 'size not known',

  'wait.backoff': 'Retry in {left}', 'wait.server_delay': 'Retry in {left}: {text}',
  'wait.budget': 'Retry in {left}: {text}',
  'wait.ends': '{text} · ends in {left}',
  'wait.other': '{text} · next in {left}', 'wait.due': 'Retry is due',
  'wait.paused': 'Paused', 'wait.slot': 'Waiting for a free slot', 'wait.disk_space': 'Waiting for disk space',
  'wait.parked': 'Parked', 'wait.breaker': 'Held back by a breaker',

  'verb.pause': 'Pause', 'verb.resume': 'Resume', 'verb.retry': 'Retry now', 'verb.cancel': 'Cancel',
  'verb.force-retry': 'Force retry', 'verb.cancel-recovery': 'Cancel recovery', 'verb.skip': 'Skip {step}',
  'verb.of': '{verb}: {name}', 'verb.asked': 'Asked',
  'verb.pause.text': 'Attempts under way are stopped, what they have saved is kept; nothing starts until it is resumed. Delays and the deadline run on.',
  'verb.resume.text': 'Go on where it stands.',
  'verb.retry.text': 'Try now instead of waiting. Behind a breaker it only becomes the next probe; an operation that has ended gets all its retries back.',
  'verb.cancel.text': 'Stop for good. This cannot be taken back.',
  'verb.force-retry.text': 'Try now whatever class and breaker say, with all retries given back. What was wrong may be wrong still.',
  'verb.cancel-recovery.text': 'What waits is given up now, so that the operation fails; an attempt under way may still succeed. It can be retried later.',
  'verb.skip.text': 'Go on as if this step had succeeded, with an output that you give.',
  'done.pause': 'Asked to pause {name}', 'done.resume': 'Asked to resume {name}',
  'done.retry': 'Asked to try {name} again', 'done.cancel': 'Asked to cancel {name}',
  'done.force-retry': 'Asked to force a retry of {name}', 'done.cancel-recovery': 'Asked to stop the recovery of {name}',
  'done.skip': 'Asked to skip a step of {name}',
  'ask.reason': 'Reason (kept in the journal)', 'ask.output': 'Output of the step, as JSON',
  'ask.output.none': 'Give a value: null if the step has none.', 'ask.output.bad': 'This is not JSON: {why}', 'ask.back': 'Go back', 'ask.close': 'Close dialog', 'ask.title': '{verb}: {name}?',
  'ask.lasts': 'For how long', 'ask.lasts.0': 'Until I end it', 'ask.lasts.600000': '10 minutes', 'ask.lasts.3600000': '1 hour',
  'ask.now': 'It is {label} at the moment.', 'ask.freeze': 'Freeze its delays and the deadline as well', 'pause.more': 'with a reason …',
  'refused.title': 'Not done', 'refused.moved': 'It has moved on since you looked. See how it stands now, then press again.',
  'refused.network': 'No answer came, so it may or may not have been done. See how it stands when the page is live; to press again does no harm.',
  'refused.silence': 'No answer came. Try again when the page is live.',
  'refused.other': 'The server answered {status} without a reason.',
  'readonly.note': 'Read only: this page shows, but changes nothing.',

  'detail.close': 'Close details', 'detail.missing': 'There is no such operation',
  'detail.missing.text': 'It may have been removed by the retention rules, or the address has a slip of the pen.',
  'detail.id': 'Id', 'detail.copy': 'Copy the id', 'detail.copied': 'Copied', 'detail.support': 'Copy all for support', 'detail.workflow': 'Workflow', 'detail.started': 'Started',
  'detail.ended': 'Ended', 'detail.deadline': 'Deadline', 'detail.running': 'Running for', 'detail.took': 'Took',
  'detail.in': 'in {left}', 'detail.over': 'over',
  'detail.why': 'What is going on', 'detail.actions': 'What you can do', 'detail.error': 'Last error',
  'detail.raw': 'Raw text', 'detail.arithmetic': 'How the delay comes about', 'detail.steps': 'Steps',
  'detail.graph': 'Step graph', 'detail.timeline': 'Timeline', 'detail.events': 'History',
  'detail.artifacts': 'Artefacts', 'detail.data': 'Input and output', 'detail.input': 'Input', 'detail.output': 'Output',
  'detail.hint': 'Suggestion', 'detail.path': 'Path', 'detail.digest': 'Digest',
  'step.after': 'after {steps}', 'step.held': 'held back by {what}',
  'step.attempts': ['{n} attempt made', '{n} attempts made'], 'step.next': 'next in {left}', 'step.next.due': 'due now',
  'step.blocked': 'Not reached yet', 'step.ready': 'Ready', 'step.running': 'Running', 'step.waiting': 'Waiting',
  'step.held.status': 'Held back', 'step.succeeded': 'Succeeded', 'step.failed': 'Failed', 'step.stopped': 'Stopped',
  'step.output': 'Output of this step', 'step.running.for': 'for {time}',
  'graph.label': 'Steps and what they wait for: {steps}',

  'timeline.idle': 'Collapse idle time', 'timeline.label': 'Timeline of {step}', 'timeline.help':
    'One bar for each attempt, hatched for each wait. Arrow keys move between them, Enter chooses one.',
  'timeline.attempt': 'Attempt {n}', 'timeline.delay': 'Wait before the next attempt', 'timeline.hold': 'Held back',
  'timeline.pause': 'Paused', 'timeline.bar': '{step}: {what}, {outcome} after {time}{text}',
  'timeline.wait': '{step}: {what}, {time}{text}', 'timeline.choose': 'Choose a bar to read about it.',
  'timeline.history': 'History of this attempt only', 'timeline.dropped': ['{step}: {n} older bar is left out', '{step}: {n} older bars are left out'], 'timeline.collapsed': '{time} of idle time is collapsed',
  'outcome.succeeded': 'succeeded', 'outcome.failed': 'failed', 'outcome.interrupted': 'interrupted',
  'outcome.running': 'running', 'outcome.lost': 'lost', 'outcome.inputs_gone': 'put off, what it builds on is gone', 'outcome.skipped': 'skipped', 'outcome.late': 'ended when it no longer counted',
  'legend.attempt': 'attempt', 'legend.failed': 'failed attempt', 'legend.wait': 'wait', 'legend.pause': 'pause',
  'events.older': 'Load older', 'events.none': 'Nothing is recorded yet.', 'events.all': 'Show all',
  'events.only': 'Only attempt {n} of {step}', 'events.loading': 'Loading',
  'events.loaded': ['{n} older event loaded', '{n} older events loaded'], 'events.failed': 'Older events could not be loaded: {why}',

  'bulk.selected': ['{n} selected', '{n} selected'], 'bulk.all': 'Act on all {n} that fit', 'bulk.clear': 'Clear selection',
  'bulk.label': 'Actions for many operations', 'bulk.allpicked': ['{n} that fits', 'All {n} that fit'],
  'bulk.title': '{verb}: many operations', 'bulk.counting': 'Counting …', 'bulk.matched':
    ['{n} operation will be asked.', '{n} operations will be asked.'],
  'bulk.none': 'None of them can do that now.', 'bulk.more': ['It is {n} operation by now. Press again if that is meant.', 'They are {n} operations by now. Press again if that is meant.'],
  'bulk.stagger': 'Spread over', 'bulk.go': '{verb}',
  'bulk.stagger.0': 'all at once', 'bulk.stagger.10000': '10 seconds', 'bulk.stagger.60000': '1 minute',
  'bulk.stagger.600000': '10 minutes', 'bulk.progress': '{verb}: {done} of {n} asked', 'bulk.finished': '{verb}: {done} of {n} done',
  'bulk.refused': ['{n} refused', '{n} refused'], 'bulk.stop': 'Stop the rest', 'bulk.close': 'Close', 'bulk.pick': 'Select all',

  'breakers.title': 'Circuit breakers', 'breakers.intro':
    'One for each host. After failures in a row it opens: nothing is tried there until a probe gets through.',
  'breakers.none': 'No host has been used yet.', 'breakers.open': 'Open', 'breakers.half_open': 'Half open', 'breakers.closed': 'Closed', 'breakers.isolated': 'Held open by hand', 'breakers.passes': 'Everything passes', 'breakers.ends': 'Ends',
  'breakers.mode': 'Mode', 'mode.enforced': 'enforced', 'mode.isolated': 'isolated by hand', 'mode.disabled': 'disabled', 'mode.metrics_only': 'watching only',
  'breakers.window': 'Failures in a row', 'breakers.window.value': '{n} of {max}', 
  'breakers.since': 'Open since', 'breakers.until': 'Next probe', 'breakers.until.due': 'due now', 'breakers.in': 'in {left}',
  'breakers.held': 'Held back', 'breakers.held.value': ['{n} operation', '{n} operations'], 'breakers.trips': 'Trips in a row',
  'breakers.probe': 'Probe under way', 'breakers.by': 'Set by', 'breakers.lasts': 'until {at}',
  'breaker.probe': 'Probe now', 'breaker.close': 'Close', 'breaker.isolate': 'Isolate', 'breaker.disable': 'Disable', 'breaker.enforce': 'Enforce',
  'breaker.probe.text': 'Let one attempt through now.', 'breaker.close.text': 'Close it now; what is held back is let go in waves.',
  'breaker.isolate.text': 'Hold it open by hand: nothing passes until it is enforced again or the time is over.', 'breaker.disable.text': 'Let everything through, whatever fails.',
  'breaker.enforce.text': 'Back to the normal rules; what is held back is let go in waves.', 'breaker.done': 'Asked: {verb} {host}', 'breakers.alert': ' not closed',

  'stats.title': 'Statistics', 'stats.total': 'Total operations', 'stats.succeeded': 'Succeeded', 'stats.recovered': 'Recovered',
  'stats.recovered.text': 'succeeded after a retry', 'stats.failed': 'Failed', 'stats.failed.text': 'despite recovery',
  'stats.cancelled': 'Cancelled', 'stats.average': 'Average recovery time', 'stats.average.text': 'from first failure to success',
  'stats.retries': 'Retry attempts', 'stats.rate': 'Success rate', 'stats.rate.text': 'of those that ended', 'stats.trips': 'Breaker trips',
  'stats.recent': 'The last half hour', 'stats.causes': 'Top causes', 'stats.hosts': 'Hosts', 'stats.none': 'Nothing yet.',
  'stats.cause.retried': 'Retried', 'stats.host': 'Host', 'stats.trips.short': 'Trips',
  'stats.alive': 'Alive', 'stats.failing': 'Failing', 'stats.succeeded.short': 'succeeded', 'stats.failed.short': 'failed', 'stats.retries.short': 'retries',
  'stats.recent.label': 'Per minute: {succeeded} succeeded, {failed} failed, {retries} retries in all',
  'stats.bucket': '{at}: {succeeded} succeeded, {failed} failed, {retries} retries', 'stats.filter': 'Show operations with {what}', 'stats.time': 'Minute',

  'settings.title': 'Download settings', 'settings.intro': 'A bandwidth limit acts at once, also on transfers under way; what is said about retries holds from the next failure on.',
  'settings.default': 'Default {value}', 'settings.reset': 'Reset {what} to its default', 'settings.reset.short': 'Reset', 'settings.none': 'no limit', 'settings.own': 'own', 'settings.own.help': 'Each operation has its own.', 'settings.help.bandwidth_limit': 'All transfers together; 0 is no limit.', 'settings.unit.ms': 'seconds',
  'settings.unit.factor': 'times', 'settings.unit.rate': 'MB/s', 'settings.preview': 'What would change',
  'settings.unchanged': 'Nothing is changed yet.', 'settings.noeffect': 'No operation under way is affected at once.', 'settings.apply': 'Apply',
  'settings.close': 'Close', 'settings.applied': 'Settings are applied', 'settings.bad': '{what}: give a number of at least {min}', 'settings.loading': 'Loading',

  'activity.title': 'Activity', 'activity.none': 'Nothing has ended yet.', 'activity.notify': 'Notify me when an operation gives up',
  'activity.notify.text': 'The page then stays connected in the background.', 'activity.denied': 'The browser does not allow it. Allow notifications for this address first.',
  'kind.gave_up': 'Gave up', 'kind.succeeded': 'Succeeded', 'kind.recovered': 'Recovered', 'toast.open': 'Open {name}', 'toast.close': 'Dismiss', 'toast.label': 'Messages',
  'keys.title': 'Keyboard shortcuts', 'keys.letters': 'Single letters and signs are shortcuts', 'keys.where': 'What changes an operation acts on the row or the details that have the focus.', 'keys.move': 'Next or previous operation', 'keys.enter': 'Open it', 'keys.esc': 'Close details or panel',
  'keys.search': 'Search', 'keys.pause': 'Pause or resume', 'keys.retry': 'Retry now', 'keys.cancel': 'Cancel (asks first)', 'keys.recovery': 'Cancel recovery (asks first)',
  'keys.force': 'Force retry (asks first)', 'keys.select': 'Select it', 'keys.breakers': 'Breakers', 'keys.stats': 'Statistics', 'keys.settings': 'Settings', 'keys.help': 'This sheet',
  'keys.theme': 'Change the theme', 'keys.list': 'Back to the list', 'keys.activity': 'Activity', 'keys.hold': 'Hold still or go on live', 'keys.first': 'First or last operation',
  'button.done': 'Done: {label}',
};

/**
 * The words of a key with values put in; `n` chooses between one and many.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const entry = EN[key] ?? key;
  const text = Array.isArray(entry) ? entry[Number(values.n) === 1 ? 0 : 1] : entry;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * Anything as lines of text, for somebody who has to help from afar.
 * @param {any} value
 * @param {string} [indent]
 * @returns {string}
 */
export function asText(value, indent = '') {
  if (typeof value !== 'object') return `${value}`;
  return Object.entries(value).map(([name, each]) => `\n${indent}${name}: ${asText(each, `${indent}  `)}`).join('');
}

/** Without the marks that names have in a terminal.  @param {string} text */
export const plain = (text) => text.replaceAll('\u0060', '');

/** @param {string} key */
export const has = (key) => key in EN;
