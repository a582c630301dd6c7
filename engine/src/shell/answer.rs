//! Answers that are given once what they rest on is durable.

use std::collections::VecDeque;

use resurge_journal::Seq;

use super::message::Reply;

/// Something that must not happen before a record is durable.
pub(crate) trait Answer: Send {
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool;

    fn give(self: Box<Self>);
}

/// What somebody is told who has asked.
pub(crate) struct Told<T> {
    pub(crate) reply: Reply<T>,
    pub(crate) answer: T,
}

impl<T: Send> Answer for Told<T> {
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn give(self: Box<Self>) {
        // Whoever asked may have stopped waiting.
        let _ = self.reply.send(self.answer);
    }
}

/// Answers, in the order of the records that they rest on.
#[derive(Default)]
pub(super) struct Answers {
    waiting: VecDeque<(Seq, Box<dyn Answer>)>,
    /// With so many of them, those that nobody waits for any more are looked for.
    sweep_at: usize,
}

impl Answers {
    /// Adds one that rests on everything up to a record.
    ///
    /// While a disk is full for hours, others ask again and again, and give up.
    pub(super) fn push(&mut self, seq: Seq, answer: Box<dyn Answer>) {
        if self.waiting.len() >= self.sweep_at {
            self.waiting.retain(|(_, answer)| answer.is_wanted());
            self.sweep_at = (self.waiting.len() * 2).max(SWEEP_MIN);
        }
        self.waiting.push_back((seq, answer));
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Gives those that have become due.
    pub(super) fn give(&mut self, durable: Seq) {
        while self.waiting.front().is_some_and(|(seq, _)| *seq <= durable) {
            if let Some((_, answer)) = self.waiting.pop_front() {
                answer.give();
            }
        }
    }
}

/// Fewer answers are not worth a search.
const SWEEP_MIN: usize = 1_024;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn answers_that_nobody_waits_for_are_forgotten_and_the_others_come_in_order() {
        let (mut answers, mut asked) = (Answers::default(), Vec::new());
        for number in 0..100_000_u64 {
            let (reply, told) = oneshot::channel();
            answers.push(Seq::new(number), Box::new(Told { reply, answer: number }));
            if number % 1_000 == 0 {
                asked.push((number, told));
            }
            assert!(answers.len() <= SWEEP_MIN * 2, "{number}");
        }
        answers.give(Seq::new(50_000));
        for (number, mut told) in asked {
            let answer = (number <= 50_000).then_some(number);
            assert_eq!(told.try_recv().ok(), answer);
        }
    }

    #[test]
    fn an_answer_is_given_to_whoever_waits() {
        let (reply, told) = oneshot::channel();
        let mut answers = Answers::default();
        answers.push(Seq::new(3), Box::new(Told { reply, answer: "it" }));
        answers.give(Seq::new(3));
        assert_eq!(told.blocking_recv().unwrap(), "it");
    }
}
