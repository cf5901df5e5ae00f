//! What the C library's allocator may keep.
//!
//! By itself it keeps an arena for each thread that ever allocated, up to eight for each core, and
//! gives little of them back: 13 MiB more at the peak of a backlog, for nothing.

#![expect(
    unsafe_code,
    reason = "mallopt(3) changes settings of the whole process and has no safe wrapper"
)]

/// Arenas. Threads hardly ever allocate at the same time here, so one is as fast as many.
#[cfg(target_env = "gnu")]
const ARENAS_MAX: libc::c_int = 1;
/// Blocks from this size on are mapped on their own and given back at once when they are freed.
/// The buffers that are used again and again are larger, so a quiet agent shrinks to what it needs;
/// what is smaller comes from the heap without a system call.
#[cfg(target_env = "gnu")]
const MMAP_THRESHOLD: libc::c_int = 512 * 1024;
/// Free memory at the end of the heap from this size on is given back. Below it, giving back and
/// taking again would cost more page faults than the memory is worth.
#[cfg(target_env = "gnu")]
const TRIM_THRESHOLD: libc::c_int = 1024 * 1024;

/// Bounds what is kept. To be called first of all, before any thread is started. Does nothing where
/// the C library is not glibc.
pub(crate) fn bound() {
    #[cfg(target_env = "gnu")]
    for (setting, value) in [
        (libc::M_ARENA_MAX, ARENAS_MAX),
        (libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD),
        (libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD),
    ] {
        // SAFETY: no other thread runs yet, and mallopt only takes two numbers. It fails only for a
        // setting that it does not know, and then nothing has changed.
        unsafe {
            libc::mallopt(setting, value);
        }
    }
}
