//! The priority of the sound thread.

/// How far ahead of others the thread wants to be: the nice level that sound servers give to themselves.
#[cfg(target_os = "linux")]
const NICE: i32 = -11;

/// Puts the calling thread ahead of others where the system allows that to this user, by `RLIMIT_NICE` or a capability (setpriority(2),
/// which on Linux means the thread). Elsewhere it stays as it is, and the reserve of the loudspeaker's ring grows when it is late.
#[cfg(target_os = "linux")]
pub(super) fn raise() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "the sound thread runs at the priority of all others");
    }
}

/// Other systems wake a thread that slept before one that computes; theirs are told nothing.
#[cfg(not(target_os = "linux"))]
pub(super) fn raise() {}
