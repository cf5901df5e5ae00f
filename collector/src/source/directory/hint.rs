//! Being told that a directory has something new, so that it is looked through at once.
//!
//! What comes is a hint and no more. Network file systems send none, the kernel drops them when
//! its queue is full, and a system may have no watches left; then the directory is looked through
//! at its interval, which is what correctness rests on. Nothing is read here.

use std::path::Path;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// One hint says as much as many: look.
const HINTS_MAX: usize = 1;

/// Hints about one directory and everything in it.
#[derive(Debug)]
pub(super) struct Hints {
    sender: mpsc::Sender<()>,
    receiver: mpsc::Receiver<()>,
    watcher: Option<RecommendedWatcher>,
    refused: bool,
}

impl Hints {
    /// No hints yet.
    pub(super) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(HINTS_MAX);
        Self {
            sender,
            receiver,
            watcher: None,
            refused: false,
        }
    }

    /// Watches `root`, unless it is watched. A directory that does not exist is tried again with
    /// the next call; anything else that is in the way is told once and left at that.
    pub(super) async fn watch(&mut self, root: &Path) {
        if self.watcher.is_some() || self.refused {
            return;
        }
        let (path, sender) = (root.to_owned(), self.sender.clone());
        let started = tokio::task::spawn_blocking(move || start(&path, sender)).await;
        match started {
            Ok(Ok(watcher)) => self.watcher = Some(watcher),
            Ok(Err(error)) if is_missing(&error) => {}
            Ok(Err(error)) => {
                self.refused = true;
                log::info!(
                    "{} is looked through at its interval only, the system gives no hints: {error}",
                    root.display()
                );
            }
            Err(_) => self.refused = true,
        }
    }

    /// Stops watching: what was watched is gone.
    pub(super) fn forget(&mut self) {
        self.watcher = None;
    }

    /// Completes when there is something new since it last completed.
    pub(super) async fn told(&mut self) {
        // The channel never ends, because a sender is kept here.
        self.receiver.recv().await;
    }

    /// Takes the hint that waits, if one does.
    pub(super) fn clear(&mut self) {
        self.receiver.try_recv().ok();
    }
}

fn start(root: &Path, sender: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| is_news(&event)) {
            // Full means that a hint waits already.
            sender.try_send(()).ok();
        }
    })?;
    watcher.watch(root, RecursiveMode::Recursive)?;
    Ok(watcher)
}

/// Whether a file is complete: closed by its writer, or moved to where it is. One that was just
/// created or is being written is half a file. Events about reading are our own.
fn is_news(event: &Event) -> bool {
    event.need_rescan()
        || matches!(
            event.kind,
            EventKind::Access(AccessKind::Close(AccessMode::Write))
                | EventKind::Modify(ModifyKind::Name(_))
                | EventKind::Create(CreateKind::Folder)
        )
}

fn is_missing(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}
