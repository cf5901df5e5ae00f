//! The order in which signals are asked: each after those that it names.

use super::SignalConfig;

/// The cycle that begins and ends with this signal, such as `a -> b -> a`.
pub(super) fn cycle(all: &[&SignalConfig], name: &str) -> Option<String> {
    let mut seen: Vec<&str> = Vec::new();
    let mut paths: Vec<Vec<&str>> = vec![vec![name]];
    while let Some(path) = paths.pop() {
        let last = path.last().copied().unwrap_or(name);
        let Some(signal) = all.iter().find(|signal| *signal.name == *last) else {
            continue;
        };
        for next in signal.expression.signals() {
            let mut longer = path.clone();
            longer.push(next);
            if **next == *name {
                return Some(longer.join(" -> "));
            }
            if !seen.contains(&&**next) {
                seen.push(next);
                paths.push(longer);
            }
        }
    }
    None
}

/// All of them in that order. Signals of a cycle, which was told, are left out.
pub(super) fn ordered(mut waiting: Vec<SignalConfig>) -> Vec<SignalConfig> {
    let mut ordered: Vec<SignalConfig> = Vec::with_capacity(waiting.len());
    loop {
        let is_ready = |signal: &SignalConfig| {
            let mut named = signal.expression.signals();
            named.all(|name| ordered.iter().any(|before| before.name == *name))
        };
        let Some(next) = waiting.iter().position(is_ready) else {
            return ordered;
        };
        ordered.push(waiting.remove(next));
    }
}
