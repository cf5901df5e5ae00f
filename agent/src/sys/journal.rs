//! The functions of libsystemd that read the journal, looked up when they are first needed.
//!
//! The library is opened at run time: it is on every host with a journal, and a host without one
//! can still run the agent (docs/adr/0014). Nothing here waits or decides what is read.
//!
//! A handle must be used by one thread for all its life (`sd_journal_open(3)`, notes), which the
//! compiler keeps: a [`Handle`] holds a pointer and is neither `Send` nor `Sync`.
#![expect(
    unsafe_code,
    reason = "libsystemd is called through pointers; no crate does it without linking the library \
              or under a licence that fits"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use libloading::os::unix::{Library as Loaded, RTLD_LOCAL, RTLD_NOW, Symbol};

use crate::source::journald::journal::{Journal, Seek};

/// The name that has stood for this interface since systemd 209.
const NAME: &str = "libsystemd.so.0";
/// `SD_JOURNAL_LOCAL_ONLY`: files of this machine, not those of others that were copied here.
const LOCAL_ONLY: c_int = 1;
/// `SD_JOURNAL_INVALIDATE`: files came or went.
const INVALIDATE: c_int = 2;

type Raw = *mut c_void;
type Call = unsafe extern "C" fn(Raw) -> c_int;
type CallWithText = unsafe extern "C" fn(Raw, *const c_char) -> c_int;
type CallForData = unsafe extern "C" fn(Raw, *mut *const c_void, *mut usize) -> c_int;

/// libsystemd, open for the life of the process.
#[derive(Debug)]
pub(crate) struct Library {
    open: unsafe extern "C" fn(*mut Raw, c_int) -> c_int,
    close: unsafe extern "C" fn(Raw),
    descriptor: Call,
    process: Call,
    seek_head: Call,
    seek_tail: Call,
    seek_cursor: CallWithText,
    seek_realtime: unsafe extern "C" fn(Raw, u64) -> c_int,
    next: Call,
    previous: Call,
    test_cursor: CallWithText,
    cursor: unsafe extern "C" fn(Raw, *mut *mut c_char) -> c_int,
    realtime: unsafe extern "C" fn(Raw, *mut u64) -> c_int,
    add_match: unsafe extern "C" fn(Raw, *const c_void, usize) -> c_int,
    disjunction: Call,
    conjunction: Call,
    data_threshold: unsafe extern "C" fn(Raw, usize) -> c_int,
    restart_data: unsafe extern "C" fn(Raw),
    enumerate_data: CallForData,
    _loaded: Loaded,
}

impl Library {
    /// Opens the library and finds its functions.
    ///
    /// # Errors
    /// When there is no such library, or it lacks a function.
    pub(crate) fn load() -> Result<Arc<Self>, libloading::Error> {
        // SAFETY: the initialisers of libsystemd set up variables of its own and nothing else.
        let loaded = unsafe { Loaded::open(Some(NAME), RTLD_NOW | RTLD_LOCAL)? };
        // Since systemd 246 there is one that passes over fields it cannot decompress.
        let enumerate_data = find(&loaded, "sd_journal_enumerate_available_data")
            .or_else(|_| find(&loaded, "sd_journal_enumerate_data"))?;
        Ok(Arc::new(Self {
            open: find(&loaded, "sd_journal_open")?,
            close: find(&loaded, "sd_journal_close")?,
            descriptor: find(&loaded, "sd_journal_get_fd")?,
            process: find(&loaded, "sd_journal_process")?,
            seek_head: find(&loaded, "sd_journal_seek_head")?,
            seek_tail: find(&loaded, "sd_journal_seek_tail")?,
            seek_cursor: find(&loaded, "sd_journal_seek_cursor")?,
            seek_realtime: find(&loaded, "sd_journal_seek_realtime_usec")?,
            next: find(&loaded, "sd_journal_next")?,
            previous: find(&loaded, "sd_journal_previous")?,
            test_cursor: find(&loaded, "sd_journal_test_cursor")?,
            cursor: find(&loaded, "sd_journal_get_cursor")?,
            realtime: find(&loaded, "sd_journal_get_realtime_usec")?,
            add_match: find(&loaded, "sd_journal_add_match")?,
            disjunction: find(&loaded, "sd_journal_add_disjunction")?,
            conjunction: find(&loaded, "sd_journal_add_conjunction")?,
            data_threshold: find(&loaded, "sd_journal_set_data_threshold")?,
            restart_data: find(&loaded, "sd_journal_restart_data")?,
            enumerate_data,
            _loaded: loaded,
        }))
    }

    /// Opens the journal of this machine. Files that may not be read are left out without a word.
    ///
    /// # Errors
    /// When the directories cannot be looked through.
    pub(crate) fn open(self: &Arc<Self>) -> io::Result<Handle> {
        let mut raw = null_mut();
        // SAFETY: `raw` outlives the call, which fills it in on success.
        checked(unsafe { (self.open)(&raw mut raw, LOCAL_ONLY) })?;
        let raw = NonNull::new(raw).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Handle {
            raw,
            library: Arc::clone(self),
        })
    }
}

/// The function `name` as a pointer of the type that the caller asks for.
fn find<T: Copy>(loaded: &Loaded, name: &str) -> Result<T, libloading::Error> {
    // SAFETY: each caller asks for the type that sd-journal.h declares for this name; the pointer
    // is kept beside the library, which is therefore never unloaded before it.
    let symbol: Symbol<T> = unsafe { loaded.get(name)? };
    Ok(*symbol)
}

/// The journal, opened once, at one entry at a time.
#[derive(Debug)]
pub(crate) struct Handle {
    raw: NonNull<c_void>,
    library: Arc<Library>,
}

impl Handle {
    fn call(&self, call: Call) -> io::Result<c_int> {
        // SAFETY: the handle is open, this thread's own, and not in use by another call.
        checked(unsafe { call(self.raw.as_ptr()) })
    }

    fn call_with(&self, call: CallWithText, text: &str) -> io::Result<c_int> {
        let text = CString::new(text)?;
        // SAFETY: as in `call`; the text ends with a NUL and outlives the call, which keeps no
        // pointer to it.
        checked(unsafe { call(self.raw.as_ptr(), text.as_ptr()) })
    }

    /// Only entries with this `FIELD=value`, as `sd_journal_add_match(3)` combines several.
    ///
    /// # Errors
    /// When it is no `FIELD=value`.
    pub(crate) fn add_match(&mut self, term: &[u8]) -> io::Result<()> {
        let add = self.library.add_match;
        // SAFETY: as in `call`; pointer and length are those of a slice that outlives the call,
        // which copies it. A length of zero would mean a C string, so that is refused first.
        let added = match term.len() {
            0 => return Err(io::ErrorKind::InvalidInput.into()),
            len => unsafe { add(self.raw.as_ptr(), term.as_ptr().cast(), len) },
        };
        checked(added).map(drop)
    }

    /// What was added so far, or what follows, up to a conjunction.
    ///
    /// # Errors
    /// When memory is short.
    pub(crate) fn or(&mut self) -> io::Result<()> {
        self.call(self.library.disjunction).map(drop)
    }

    /// What was added so far, and what follows.
    ///
    /// # Errors
    /// When memory is short.
    pub(crate) fn and(&mut self) -> io::Result<()> {
        self.call(self.library.conjunction).map(drop)
    }

    /// Fields are cut off at this length when they must be decompressed.
    ///
    /// # Errors
    /// None that is known.
    pub(crate) fn set_data_threshold(&mut self, bytes: usize) -> io::Result<()> {
        let set = self.library.data_threshold;
        // SAFETY: as in `call`.
        checked(unsafe { set(self.raw.as_ptr(), bytes) }).map(drop)
    }
}

impl Journal for Handle {
    fn hints(&mut self) -> io::Result<Option<OwnedFd>> {
        let descriptor = self.call(self.library.descriptor)?;
        if descriptor < 0 {
            return Ok(None);
        }
        // SAFETY: libsystemd keeps the descriptor open as long as the handle, which is borrowed
        // here until the descriptor was duplicated.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        borrowed.try_clone_to_owned().map(Some)
    }

    fn files_changed(&mut self) -> io::Result<bool> {
        Ok(self.call(self.library.process)? == INVALIDATE)
    }

    fn seek(&mut self, to: Seek<'_>) -> io::Result<()> {
        match to {
            Seek::Head => self.call(self.library.seek_head),
            Seek::Tail => self.call(self.library.seek_tail),
            Seek::Cursor(cursor) => self.call_with(self.library.seek_cursor, cursor),
            Seek::Realtime(micros) => {
                let seek = self.library.seek_realtime;
                // SAFETY: as in `call`.
                checked(unsafe { seek(self.raw.as_ptr(), micros) })
            }
        }
        .map(drop)
    }

    fn forward(&mut self) -> io::Result<bool> {
        Ok(self.call(self.library.next)? > 0)
    }

    fn back(&mut self) -> io::Result<bool> {
        Ok(self.call(self.library.previous)? > 0)
    }

    fn is_at(&mut self, cursor: &str) -> io::Result<bool> {
        Ok(self.call_with(self.library.test_cursor, cursor)? > 0)
    }

    fn cursor(&mut self) -> io::Result<String> {
        let mut text = null_mut();
        let cursor = self.library.cursor;
        // SAFETY: as in `call`; `text` outlives the call, which fills it in on success.
        checked(unsafe { cursor(self.raw.as_ptr(), &raw mut text) })?;
        if text.is_null() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: on success it is a C string that is ours.
        let owned = unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned();
        // SAFETY: it was allocated with malloc(3) for the caller to free, and is not used again.
        unsafe { libc::free(text.cast()) };
        Ok(owned)
    }

    fn realtime_us(&mut self) -> io::Result<u64> {
        let mut micros = 0;
        let realtime = self.library.realtime;
        // SAFETY: as in `call`; `micros` outlives the call.
        checked(unsafe { realtime(self.raw.as_ptr(), &raw mut micros) })?;
        Ok(micros)
    }

    fn fields(&mut self, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let (restart, next) = (self.library.restart_data, self.library.enumerate_data);
        // SAFETY: as in `call`.
        unsafe { restart(self.raw.as_ptr()) };
        loop {
            let (mut data, mut len) = (std::ptr::null(), 0);
            // SAFETY: as in `call`; both places outlive the call, which fills them in when it
            // gives more than zero.
            let got = unsafe { next(self.raw.as_ptr(), &raw mut data, &raw mut len) };
            if checked(got)? == 0 {
                return Ok(());
            }
            if data.is_null() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            // SAFETY: the bytes stay valid until the next call on the handle, which `each` cannot
            // make: it is borrowed here.
            each(unsafe { std::slice::from_raw_parts(data.cast(), len) });
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let close = self.library.close;
        // SAFETY: the handle is open and never used again.
        unsafe { close(self.raw.as_ptr()) };
    }
}

/// libsystemd gives a negative errno for a failure.
fn checked(answer: c_int) -> io::Result<c_int> {
    if answer < 0 {
        return Err(io::Error::from_raw_os_error(answer.saturating_neg()));
    }
    Ok(answer)
}
