//! The inbox of the driver: messages are taken one by one, each with the runs that it wants.

use std::sync::Arc;

use resurge_journal::RunId;
use resurge_journal::checkpoint::Lost;

use super::{Driver, Fatal};
use crate::core::{Command, Wanted};
use crate::shell::ambient::let_others_go_first;
use crate::shell::answer::Answer;
use crate::shell::ending::Ended;
use crate::shell::message::{Census, Find, Message, Reply, Sight};

impl Driver {
    /// Lets attempts that are about to end do so, so that what they say shares the next flush.
    pub(super) async fn gather(&mut self) -> Result<(), Fatal> {
        if !self.commits.is_due() || self.tasks.is_empty() || !self.takes_messages() {
            return Ok(());
        }
        let_others_go_first().await;
        match self.inbox.try_recv() {
            Ok(message) => self.receive(message),
            _ => Ok(()),
        }
    }

    /// Takes a message and those queued behind it, so that they share a flush.
    pub(super) fn receive(&mut self, first: Message) -> Result<(), Fatal> {
        self.take(first)?;
        for _ in 1..MESSAGES_PER_TURN {
            if !self.held.has_room() {
                break;
            }
            match self.inbox.try_recv() {
                Ok(message) => self.take(message)?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Takes a message, or keeps it until it can be taken.
    pub(super) fn take(&mut self, message: Message) -> Result<(), Fatal> {
        self.look_at_disk();
        let Some(message) = self.space.hold(message) else { return Ok(()) };
        if !self.has_what_is_wanted_by(&message) {
            self.held.push(message);
            return Ok(());
        }
        match message {
            Message::Start { request, reply } => {
                match self.decide(Command::Start(request))?.transpose() {
                    Some(run) => self.answer(reply, run),
                    None => drop(reply),
                }
            }
            Message::Do { command, reply } => {
                let done = self.decide(*command)?.map(|_| self.core.state().head());
                self.answer(reply, done);
            }
            Message::Tell { command } => {
                // What does not fit any more has been overtaken.
                let _ = self.decide(*command)?;
            }
            Message::Detach { run } => {
                self.core.detach(run);
                let _ = self.decide(Command::Detach { run })?;
            }
            Message::Finished { run, step, attempt, outcome } => {
                self.tasks.ended(run, step);
                // A refusal is impossible: a result that is not current is recorded as late.
                let _ = self.decide(Command::Finished { run, step, attempt, outcome })?;
                self.wound_up(run, step);
            }
            Message::Look(look) => self.show(look),
            Message::Find { wanted, find } => self.find(wanted, find),
            Message::Census { trouble, reply } => match self.census(trouble.as_ref()) {
                Some(census) => self.answer(reply, census),
                None => self.held.push(Message::Census { trouble: None, reply }),
            },
            Message::Outcome { run, reply } => self.wait_for(run, reply),
            Message::Shutdown { grace, reply } => {
                self.begin_drain(grace)?;
                match &mut self.drain {
                    Some(drain) => drain.replies.push(reply),
                    None => drop(reply),
                }
            }
        }
        Ok(())
    }

    /// Whether a message can be taken, with what it wants in memory; those that only look find out
    /// for themselves.
    fn has_what_is_wanted_by(&mut self, message: &Message) -> bool {
        let Some(wanted) = message.wants() else { return true };
        if self.held.is_about(&wanted) {
            return false;
        }
        let only_looks = matches!(message, Message::Find { .. } | Message::Outcome { .. });
        only_looks || self.residence.bring(&mut self.core, &wanted, self.world.now())
    }

    pub(super) fn takes_messages(&self) -> bool {
        self.may_decide() && self.held.has_room()
    }

    /// Shows what there is to see; what is told of it waits until all of that is durable.
    fn show(&mut self, look: impl FnOnce(&Sight<'_>) -> Box<dyn Answer>) {
        let progress = |run, step| self.tasks.progress(run, step);
        let is_transfer = |run, step| self.tasks.is_transfer(run, step);
        let tell = look(&Sight {
            state: self.core.state(),
            now: self.world.now(),
            progress: &progress,
            is_transfer: &is_transfer,
            flushes: self.commits.flushes(),
            core: &self.core,
        });
        self.commits.answer_after(self.core.state().head(), tell);
    }

    fn find(&mut self, wanted: Wanted, find: Find) {
        match self.residence.peek(&self.core, &wanted, self.world.now()) {
            Some(found) => self.show(|sight| find(&found, sight)),
            None => self.held.push(Message::Find { wanted, find }),
        }
    }

    /// All runs; none if some cannot be read for now.
    fn census(&mut self, trouble: Option<&Lost>) -> Option<Census> {
        if !self.residence.can_list(trouble) {
            return None;
        }
        let rest = self.residence.listing();
        let state = self.core.state();
        let running = state.running_steps().filter_map(|(run, step)| {
            self.tasks.progress(run, step).map(|progress| ((run, step), progress))
        });
        Some(Census {
            runs: state.shared_runs().map(Arc::clone).collect(),
            rest,
            tuning: state.tuning().clone(),
            progress: running.collect(),
        })
    }

    fn wait_for(&mut self, run: RunId, reply: Reply<Option<Ended>>) {
        let wanted = Wanted::Run(run);
        let Some(found) = self.residence.peek(&self.core, &wanted, self.world.now()) else {
            self.held.push(Message::Outcome { run, reply });
            return;
        };
        match found.first().map(|known| Ended::of(known)) {
            Some(None) => self.waiters.add(run, reply),
            known => self.answer(reply, known.flatten()),
        }
    }
}

/// Messages taken before the loop looks at the disk again.
const MESSAGES_PER_TURN: usize = 256;
