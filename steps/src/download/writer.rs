//! Writes and hashes off the async threads: one blocking task for each download.

use std::fs::File;
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::sync::Arc;

use bytes::Bytes;
use resurge_journal::failure::Class;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::digest::{Hasher, HasherState};
use crate::error::StepError;

/// Writes blocks to the end of a file and hashes them.
///
/// Dropping it ends the writing after the blocks that it was given.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    file: Arc<File>,
    /// Taken once it has told why it ended.
    task: Option<JoinHandle<io::Result<Hasher>>>,
}

/// How far the writing has come.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) offset: u64,
    pub(super) hasher: HasherState,
}

#[derive(Debug)]
enum Job {
    Write(Vec<Bytes>),
    Mark(oneshot::Sender<Mark>),
    Restart(oneshot::Sender<Mark>),
}

/// Blocks that wait to be written. With one under way and one being filled: about 8 MiB.
const BLOCKS_WAITING: usize = 4;

impl Writer {
    /// Goes on at the end of the file; `hasher` covers what is there.
    pub(super) fn start(file: File, hasher: Hasher) -> Self {
        let file = Arc::new(file);
        let (jobs, queue) = mpsc::channel(BLOCKS_WAITING);
        let shared = Arc::clone(&file);
        let task = spawn_blocking(move || work(&shared, hasher, queue));
        Self { jobs, file, task: Some(task) }
    }

    /// The file, to make it durable while the writing goes on.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Hands over a block; waits while too many are waiting already.
    pub(super) async fn write(&mut self, block: Vec<Bytes>) -> Result<(), StepError> {
        match self.jobs.send(Job::Write(block)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.why_ended().await),
        }
    }

    /// How far the writing is once all blocks handed over so far are written.
    pub(super) async fn mark(&mut self) -> Result<Mark, StepError> {
        self.ask(Job::Mark).await
    }

    /// Empties the file.
    pub(super) async fn restart(&mut self) -> Result<Mark, StepError> {
        self.ask(Job::Restart).await
    }

    /// Writes what is left and gives the hasher over the whole file.
    pub(super) async fn finish(mut self) -> Result<(Arc<File>, Hasher), StepError> {
        let Some(task) = self.task.take() else {
            return Err(self.why_ended().await);
        };
        drop(self.jobs);
        let hasher = task.await?;
        Ok((self.file, hasher.map_err(|e| StepError::from(e).during("write the partial file"))?))
    }

    /// Gives up what is not on the drive for certain, once the writing has ended.
    ///
    /// A drive that failed to write may have dropped the bytes and still show them for a while.
    pub(super) async fn keep_only(self, durable: u64) -> Result<(), StepError> {
        let file = Arc::clone(&self.file);
        // Its own failure is known already; what counts is that it does not write any more.
        let _ = self.finish().await;
        spawn_blocking(move || {
            let length = file.metadata()?.len();
            file.set_len(length.min(durable))
        })
        .await?
        .map_err(StepError::from)
    }

    async fn ask(&mut self, job: fn(oneshot::Sender<Mark>) -> Job) -> Result<Mark, StepError> {
        let (reply, answer) = oneshot::channel();
        if self.jobs.send(job(reply)).await.is_ok()
            && let Ok(mark) = answer.await
        {
            return Ok(mark);
        }
        Err(self.why_ended().await)
    }

    async fn why_ended(&mut self) -> StepError {
        let gone = || StepError::new(Class::Internal, "writer", "the writer is gone; report this");
        let Some(task) = self.task.take() else {
            return gone();
        };
        let error = match task.await {
            Ok(Err(error)) => StepError::from(error),
            Err(error) => StepError::from(error),
            Ok(Ok(_)) => gone(),
        };
        error.during("write the partial file")
    }
}

fn work(file: &File, mut hasher: Hasher, mut queue: mpsc::Receiver<Job>) -> io::Result<Hasher> {
    while let Some(job) = queue.blocking_recv() {
        match job {
            Job::Write(block) => {
                write_all(file, &block)?;
                for bytes in &block {
                    hasher.update(bytes);
                }
            }
            Job::Mark(reply) => answer(reply, &hasher),
            Job::Restart(reply) => {
                file.set_len(0)?;
                let mut cursor = file;
                cursor.seek(SeekFrom::Start(0))?;
                hasher = Hasher::new(hasher.algorithm());
                answer(reply, &hasher);
            }
        }
    }
    Ok(hasher)
}

fn answer(reply: oneshot::Sender<Mark>, hasher: &Hasher) {
    // Nobody waits any more when the attempt has ended; then the mark is of no use.
    let _ = reply.send(Mark { offset: hasher.position(), hasher: hasher.save() });
}

fn write_all(mut file: &File, block: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = block.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut rest = slices.as_mut_slice();
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::artifact::Algorithm;

    #[tokio::test]
    async fn what_a_failing_drive_may_have_lost_is_given_up() {
        let file = tempfile::tempfile().expect("a place for temporary files");
        let shown = file.try_clone().expect("a second handle");
        let mut writer = Writer::start(file, Hasher::new(Algorithm::Sha256));
        writer.write(vec![Bytes::from_static(b"on the drive, not yet")]).await.expect("written");
        writer.keep_only(12).await.expect("cut");
        assert_eq!(shown.metadata().expect("a file").len(), 12);
    }

    #[tokio::test]
    async fn a_full_disk_is_said_to_be_full() {
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        let mut writer = Writer::start(full, Hasher::new(Algorithm::Sha256));
        // The block is only queued; the next question finds the writer gone.
        writer.write(vec![Bytes::from_static(b"x")]).await.expect("the writer has just begun");
        let error = writer.mark().await.expect_err("the disk is full");
        assert_eq!((error.class(), error.kind()), (Class::Resource, "disk_full"), "{error}");
    }
}
