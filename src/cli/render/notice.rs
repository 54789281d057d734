//! What is told on stderr while a load goes on.

use std::time::Duration;

use super::one_line;
use crate::model::deferred::{DeferredParts, KeptPart, PartKind};
use crate::model::notice::{Lock, LockHolder, LockWait, Notice, Trouble};

/// A notice for people, in lines.
pub(in crate::cli) fn text(notice: &Notice) -> String {
    match notice {
        Notice::Deferring { table, parts } => deferring(table, parts),
        Notice::TryingAgain {
            trouble,
            reason,
            retry_for,
        } => {
            let limit = rounded(*retry_for);
            let what = match trouble {
                Trouble::ConnectionLost => format!("connection lost ({reason})"),
                Trouble::NoConnection => format!("no connection ({reason})"),
                Trouble::Refused => reason.clone(),
            };
            line(&format!("{what}; trying again for up to {limit}"))
        }
        Notice::Recovered(Trouble::ConnectionLost | Trouble::NoConnection) => {
            line("connected again")
        }
        Notice::Recovered(Trouble::Refused) => line("it succeeded at last; the load goes on"),
        Notice::WaitingForLock(wait) => line(&waiting(wait)),
        Notice::LockGranted { after } => line(&format!(
            "no longer waiting for a lock, after {}",
            rounded(*after)
        )),
        Notice::GaveUpConnections { after } => line(&format!(
            "the server has not answered for {}; its connections are given up",
            rounded(*after)
        )),
    }
}

fn line(text: &str) -> String {
    format!("sheetload: {}", one_line(text))
}

fn waiting(wait: &LockWait) -> String {
    let lock = match &wait.lock {
        Lock::Relation(name) => format!("a lock on {name}"),
        Lock::Row(table) => format!("a lock on a row of {table}"),
        Lock::Transaction => "the end of another transaction".to_owned(),
        Lock::Advisory => "an advisory lock".to_owned(),
        Lock::Other => "a lock".to_owned(),
    };
    let holder = match &wait.holder {
        None => String::new(),
        Some(LockHolder::PreparedTransaction) => " held by a prepared transaction".to_owned(),
        Some(LockHolder::Session { process, state }) => {
            let state = state.as_ref().map_or_else(String::new, |(state, since)| {
                format!(" ({state} for {})", rounded(*since))
            });
            format!(" held by pid {process}{state}")
        }
    };
    format!("waiting for {lock}{holder}")
}

/// A time in its largest units: `12 s`, `5 min`, `1 h 30 min`.
fn rounded(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let parts = [(hours, "h"), (minutes, "min"), (seconds, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).take(2);
    let text: Vec<String> = parts
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    match text.is_empty() {
        true => format!("{} ms", time.as_millis()),
        false => text.join(" "),
    }
}

fn deferring(table: &str, parts: &DeferredParts) -> String {
    let mut lines = Vec::new();
    if parts.is_empty() {
        lines.push(format!(
            "sheetload: no index or foreign key of {table} can wait for the rows"
        ));
    } else {
        let mut locked = vec![table];
        for key in &parts.foreign_keys {
            if !locked.contains(&key.refers_to.as_str()) {
                locked.push(&key.refers_to);
            }
        }
        lines.push(format!(
            "sheetload: until the load ends, nobody else can read or write {}",
            locked.join(", ")
        ));
    }
    if !parts.indexes.is_empty() {
        lines.push(format!(
            "  dropped, and built after the last row: {}",
            parts.indexes.join(", ")
        ));
    }
    if !parts.foreign_keys.is_empty() {
        let names = parts.foreign_keys.iter().map(|key| key.name.as_str());
        lines.push(format!(
            "  dropped, and checked for all rows after the last one: {}",
            names.collect::<Vec<_>>().join(", ")
        ));
    }
    lines.extend(parts.kept.iter().map(kept));
    let lines: Vec<String> = lines.iter().map(|line| one_line(line)).collect();
    lines.join("\n")
}

fn kept(kept: &KeptPart) -> String {
    let part = match kept.part {
        PartKind::Index => "index",
        PartKind::ForeignKey => "foreign key",
    };
    format!("  kept: {part} {}, because {}", kept.name, kept.because)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::deferred::DeferredKey;

    #[test]
    fn a_wait_names_the_lock_and_who_holds_it() {
        let wait = |lock: Lock, holder| text(&Notice::WaitingForLock(LockWait { lock, holder }));
        let session = |state: Option<(&str, u64)>| {
            Some(LockHolder::Session {
                process: 42,
                state: state.map(|(state, secs)| (state.to_owned(), Duration::from_secs(secs))),
            })
        };
        let table = || Lock::Relation("public.lk".to_owned());
        assert_eq!(
            wait(table(), session(Some(("idle in transaction", 12)))),
            "sheetload: waiting for a lock on public.lk held by pid 42 (idle in transaction for 12 s)"
        );
        assert_eq!(
            wait(table(), session(None)),
            "sheetload: waiting for a lock on public.lk held by pid 42"
        );
        assert_eq!(
            wait(
                Lock::Row("public.lk".to_owned()),
                Some(LockHolder::PreparedTransaction)
            ),
            "sheetload: waiting for a lock on a row of public.lk held by a prepared transaction"
        );
        assert_eq!(
            wait(Lock::Transaction, None),
            "sheetload: waiting for the end of another transaction"
        );
    }

    #[test]
    fn outages_are_told_with_their_limit() {
        let trying = |trouble| {
            text(&Notice::TryingAgain {
                trouble,
                reason: "why".to_owned(),
                retry_for: Duration::from_secs(300),
            })
        };
        assert_eq!(
            trying(Trouble::ConnectionLost),
            "sheetload: connection lost (why); trying again for up to 5 min"
        );
        assert_eq!(
            trying(Trouble::NoConnection),
            "sheetload: no connection (why); trying again for up to 5 min"
        );
        assert_eq!(rounded(Duration::from_secs(5_400)), "1 h 30 min");
        assert_eq!(rounded(Duration::from_millis(500)), "500 ms");
    }

    #[test]
    fn the_plan_names_what_waits_what_stays_and_what_is_locked() {
        let key = |name: &str| DeferredKey {
            name: name.to_owned(),
            refers_to: "cities".to_owned(),
        };
        let parts = DeferredParts {
            indexes: vec!["a_idx".to_owned(), "b\nidx".to_owned()],
            foreign_keys: vec![key("home"), key("work")],
            kept: vec![KeptPart {
                part: PartKind::Index,
                name: "people_pkey".to_owned(),
                because: "it is the primary key".to_owned(),
            }],
        };
        let notice = Notice::Deferring {
            table: "public.people".to_owned(),
            parts,
        };
        assert_eq!(
            text(&notice),
            "sheetload: until the load ends, nobody else can read or write public.people, cities\n\
             \x20 dropped, and built after the last row: a_idx, b idx\n\
             \x20 dropped, and checked for all rows after the last one: home, work\n\
             \x20 kept: index people_pkey, because it is the primary key"
        );
    }
}
