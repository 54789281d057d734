//! What is told on stderr while a load goes on.

use super::one_line;
use crate::model::deferred::{DeferredParts, KeptPart, PartKind};
use crate::pipeline::progress::Notice;

/// A notice for people, in lines.
pub(in crate::cli) fn text(notice: &Notice) -> String {
    match notice {
        Notice::Deferring { table, parts } => deferring(table, parts),
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
