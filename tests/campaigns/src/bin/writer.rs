//! Writes what a plan says and tells what was acknowledged, until it is stopped or fails.
//!
//! `campaign-writer DIR SEED BATCHES [process] [patient] [stubborn] [plain] [trims] [churns]`: 0 batches are batches
//! without end.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use plan::Plan;
use resurge_journal::Seq;
use resurge_journal::store::{
    AppendError, CACHE_VALUE_BYTES_MAX, Change, DiskStore, Durability, OpenMode, Store,
};

/// Batches between two checkpoints.
const CHECKPOINT_EVERY: u64 = 16;
/// Values that the cache is filled with for nothing.
const CHURNED: u64 = 1_200;
/// Batches between two changes of the cache.
const CACHE_EVERY: u64 = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [dir, seed, batches, options @ ..] = words.as_slice() else {
        return Err(
            "campaign-writer DIR SEED BATCHES [process] [patient] [stubborn] [plain] [trims] [churns]"
                .into(),
        );
    };
    let has = |option: &str| options.iter().any(|word| word == option);
    let durability = if has("process") { Durability::Process } else { Durability::Power };
    let store = match DiskStore::open(dir, OpenMode::CreateIfMissing, durability) {
        Ok(store) => store,
        Err(error) => {
            say(&format!("unopened {}", told(&error)))?;
            return Ok(());
        }
    };
    say(&format!("open {}", store.head()))?;
    let patience = match (has("patient"), has("stubborn")) {
        (false, false) => Patience::None,
        (true, false) => Patience::Waits,
        (_, true) => Patience::Insists,
    };
    let writer = Writer {
        store,
        plan: Plan::of(seed.parse()?),
        patience,
        is_plain: has("plain"),
        trims: has("trims"),
    };
    if has("churns") {
        writer.churn()?;
    }
    writer.write(batches.parse()?)?;
    writer.store.close();
    say("closed")
}

struct Writer {
    store: DiskStore,
    plan: Plan,
    patience: Patience,
    /// Writes records and nothing that is derived from them.
    is_plain: bool,
    /// Drops old records as soon as it can.
    trims: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    None,
    /// Waits for room before it adds anything.
    Waits,
    /// Waits for room for what was refused, and adds it again.
    Insists,
}

impl Writer {
    fn write(&self, batches: u64) -> Result<(), Box<dyn Error>> {
        for number in (1..).take_while(|number| batches == 0 || *number <= batches) {
            if self.patience == Patience::Waits {
                self.wait_for_room()?;
            }
            let head = self.store.head();
            match self.append(head) {
                Ok(head) => say(&format!("acked {head}"))?,
                Err(AppendError::NoRoom { .. }) => return self.stay(head),
                Err(error) => {
                    say(&format!("failed {}", told(&error)))?;
                    return self.insist(head);
                }
            }
            if !self.is_plain {
                self.derive(number)?;
            }
            if self.trims {
                self.trim()?;
            }
        }
        Ok(())
    }

    fn append(&self, head: Seq) -> Result<Seq, AppendError> {
        let batch = self.plan.batch(head.get());
        loop {
            let added = self.store.append(head, &batch);
            let is_refused = matches!(added, Err(AppendError::NoRoom { .. }));
            if !is_refused || self.patience != Patience::Insists {
                return added;
            }
            // Whoever listens may have gone; the disk tells all the same.
            let _ = say(&format!("unfit {head}"));
            while !self.store.seek_room() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// A journal that refused for want of room is as it was.
    fn stay(&self, head: Seq) -> Result<(), Box<dyn Error>> {
        if self.store.head() == head && !self.store.has_room() {
            return say(&format!("unfit {head}"));
        }
        say(&format!("unpoisoned and changed: {}", self.store.head()))
    }

    fn wait_for_room(&self) -> Result<(), Box<dyn Error>> {
        if self.store.has_room() {
            return Ok(());
        }
        say(&format!("full {}", self.store.head()))?;
        while !self.store.seek_room() {
            std::thread::sleep(Duration::from_millis(5));
        }
        say("room")
    }

    /// A journal that failed once must refuse from then on.
    fn insist(&self, head: Seq) -> Result<(), Box<dyn Error>> {
        match self.store.append(head, &self.plan.batch(head.get())) {
            Err(AppendError::Poisoned) => say("refused"),
            other => say(&format!("unpoisoned {other:?}")),
        }
    }

    /// Keeps what an engine would derive, now and then; its failure is no failure of the records.
    fn derive(&self, number: u64) -> Result<(), Box<dyn Error>> {
        let at = self.store.head();
        if number.is_multiple_of(CACHE_EVERY)
            && let Some(cache) = self.store.cache()
        {
            let key = at.get().to_be_bytes().to_vec();
            let put = Change::Put { key, value: self.plan.value(at.get()) };
            match cache.apply(vec![put]).and_then(|()| cache.sync()) {
                Ok(()) => say(&format!("cached {at}"))?,
                Err(error) => say(&format!("uncached {}", told(&error)))?,
            }
        }
        if number.is_multiple_of(CHECKPOINT_EVERY) {
            match self.store.save_checkpoint(at, &self.plan.image(at.get())) {
                Ok(()) => say(&format!("kept {at}"))?,
                Err(error) => say(&format!("unkept {}", told(&error)))?,
            }
        }
        Ok(())
    }
}

impl Writer {
    /// Makes the database take up far more than it holds.
    fn churn(&self) -> Result<(), Box<dyn Error>> {
        let cache = self.store.cache().ok_or("there is no cache")?;
        say(&format!("own {}", cache.generation()?))?;
        // Behind all positions.
        let key = |number: u64| [[0xFF; 8], number.to_be_bytes()].concat();
        for number in 0..CHURNED {
            let value = self.plan.image(number).repeat(80);
            let value = value.into_iter().take(CACHE_VALUE_BYTES_MAX).collect();
            cache.apply(vec![Change::Put { key: key(number), value }])?;
        }
        cache.apply((0..CHURNED).map(|number| Change::Remove { key: key(number) }).collect())?;
        cache.sync()?;
        say("churned")
    }

    /// Trims at one of the cuts, behind a checkpoint as an engine does.
    fn trim(&self) -> Result<(), Box<dyn Error>> {
        let (cuts, head) = (self.store.cuts(), self.store.head());
        let luck = self.plan.luck(head.get(), 10).index(cuts.len().max(1));
        let Some(first) = cuts.get(luck).map(|cut| cut.first) else { return Ok(()) };
        match self.store.save_checkpoint(head, &self.plan.image(head.get())) {
            Ok(()) => say(&format!("kept {head}"))?,
            Err(error) => return say(&format!("unkept {}", told(&error))),
        }
        say(&format!("trimming {first}"))?;
        let kept = (1..first.get()).filter(|seq| self.plan.keeps(*seq)).map(Seq::new);
        let kept: Vec<Seq> = kept.collect();
        match self.store.trim(first, &self.plan.image(first.get()), &kept) {
            Ok(()) => say(&format!("trimmed {first}")),
            Err(error) => say(&format!("untrimmed {}", told(&error))),
        }
    }
}

/// One line, in one piece.
fn say(line: &str) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    out.write_all(format!("{line}\n").as_bytes())?;
    Ok(out.flush()?)
}

fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.replace('\n', " ")
}
