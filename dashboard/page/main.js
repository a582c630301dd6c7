// @ts-check
// Puts the page together and starts it.

import { onSignedOut } from './api.js';
import { app, onFrame, onTravel, watchHistory } from './app.js';
import { breakersPart, startBreakers } from './breakers.js';
import { bulkBar, pickAllButton, startBulk } from './bulk.js';
import { watchVisibility } from './clock.js';
import { startDetail } from './detail.js';
import { banner, head, hold, startHead } from './head.js';
import { startKeys } from './keys.js';
import { listPart, startList } from './list.js';
import { startNotices, toast } from './notices.js';
import { askToken, signIn, tokenOfAddress } from './session.js';
import { startSettings } from './settings.js';
import { startStats, statsPart } from './stats.js';
import { again, resubscribe, start } from './stream.js';
import { applyTheme } from './theme.js';
import { makeToolbar } from './toolbar.js';

/** @param {string} id */
function place(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

function build() {
  const main = place('main');
  const detail = place('detail');
  place('top').replaceChildren(head, banner);
  main.replaceChildren(makeToolbar([pickAllButton]), listPart, breakersPart, statsPart);
  place('bottom').replaceChildren(bulkBar);
  onFrame(startHead());
  startList(main);
  startBreakers();
  startStats();
  startSettings();
  startDetail(detail, main);
  startBulk();
  startNotices();
  startKeys(hold);
  onTravel((before) => {
    resubscribe();
    // The focus follows to a panel that takes the place of the list.
    if (before.panel !== app.state.panel) main.scrollTop = 0;
  });
  place('skip').addEventListener('click', (event) => {
    event.preventDefault();
    main.focus();
  });
}

async function boot() {
  applyTheme();
  const token = tokenOfAddress();
  build();
  watchVisibility();
  watchHistory();
  let started = false;
  const run = () => {
    if (started) again();
    else start();
    started = true;
  };
  onSignedOut(() => askToken(run));
  if (token !== undefined) {
    const answer = await signIn(token);
    if (answer.status === 401) {
      askToken(run);
      return;
    }
    if (!answer.ok && answer.status !== 0) toast(answer.problem, { kind: 'bad' });
  }
  run();
}

void boot();
