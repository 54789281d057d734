//! The architecture as absences: which modules may not know which.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules by layer, from the top. A module may use those of lower layers, and of its own where `sideways` says so.
const LAYERS: &[Layer] = &[
    Layer {
        modules: &["cli"],
        sideways: false,
    },
    Layer {
        modules: &["compare", "sample", "server"],
        sideways: false,
    },
    Layer {
        modules: &["pipeline", "db", "config"],
        sideways: true,
    },
    Layer {
        modules: &["source", "transform", "sink"],
        sideways: false,
    },
    Layer {
        modules: &["model", "error", "exit", "telemetry"],
        sideways: true,
    },
];

/// Settings may name options that belong to a lower layer, but nothing in its own layer: they are plain data.
const PLAIN_DATA: &str = "config";

struct Layer {
    modules: &'static [&'static str],
    sideways: bool,
}

/// External crates that only some modules may know.
const CONFINED: &[(&str, &[&str])] = &[
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("comfy_table", &["cli"]),
    ("unicode_width", &["cli"]),
    ("calamine", &["source"]),
    ("zip", &["source"]),
    ("rust_xlsxwriter", &["sample", "sink"]),
    ("csv", &["sink"]),
    ("refinery", &["db"]),
    ("rustls", &["db"]),
    (
        "tokio_postgres",
        &["db", "sink", "error", "pipeline", "compare"],
    ),
    (
        "deadpool_postgres",
        &["db", "sink", "error", "pipeline", "compare"],
    ),
];

fn source_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Every source file with its top-level module and its code without comments and unit tests.
fn modules() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    source_files(&src)
        .into_iter()
        .filter_map(|path| {
            let inside = path.strip_prefix(&src).unwrap();
            let first = inside.components().next().unwrap();
            let module = Path::new(first.as_os_str())
                .file_stem()?
                .to_str()?
                .to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code: String = text
                .lines()
                .take_while(|line| !line.starts_with("#[cfg(test)]"))
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(|line| format!("{line}\n"))
                .collect();
            (!matches!(module.as_str(), "lib" | "main")).then_some((module, path, code))
        })
        .collect()
}

/// The project's modules that code names: `crate::x`, in paths and in `use` groups.
fn named_modules(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '{')
            .unwrap_or(rest.len());
        assert!(
            !rest.starts_with('{'),
            "`use crate::{{…}}` hides its modules from this test; write one `use` each"
        );
        named.insert(rest[..end].to_owned());
    }
    named
}

fn layer_of(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|layer| layer.modules.contains(&module))
        .unwrap_or_else(|| panic!("module {module} has no layer: add it to the list"))
}

#[test]
fn imports_point_downward() {
    let files = modules();
    assert!(files.len() > 30, "the source files were not found");
    let mut wrong = Vec::new();
    for (module, path, code) in &files {
        let layer = layer_of(module);
        for named in named_modules(code) {
            // Items at the crate's root, such as a re-export, begin with a capital letter.
            if named == *module || named.starts_with(char::is_uppercase) {
                continue;
            }
            let target = layer_of(&named);
            let sideways = target == layer && (!LAYERS[layer].sideways || module == PLAIN_DATA);
            if target < layer || sideways {
                wrong.push(format!("{}: crate::{named}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports point up or sideways: {wrong:#?}");
}

#[test]
fn crates_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for (module, path, code) in modules() {
        for (name, allowed) in CONFINED {
            let names_it = code.lines().any(|line| {
                let line = line.trim_start();
                line.contains(&format!("{name}::"))
                    && !line.contains(&format!("::{name}::"))
                    && !line.contains(&format!("_{name}::"))
            });
            if names_it && !allowed.contains(&module.as_str()) {
                wrong.push(format!("{}: {name}", path.display()));
            }
        }
        // A connection's own task belongs to the pool that opens it.
        let may_spawn = module == "pipeline" || path.ends_with("db/connector.rs");
        if !may_spawn && code.contains("tokio::spawn") {
            wrong.push(format!("{}: spawns a task", path.display()));
        }
    }
    assert!(wrong.is_empty(), "crates outside their modules: {wrong:#?}");
}

#[test]
fn files_stay_readable() {
    let mut long = Vec::new();
    for (_, path, _) in modules() {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
            .count();
        if lines > 400 && path.file_name().unwrap() != "tests.rs" {
            long.push(format!("{}: {lines} lines", path.display()));
        }
    }
    assert!(long.is_empty(), "files over 400 lines: {long:#?}");
}
