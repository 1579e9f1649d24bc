//! The sources keep their boundaries: what ARCHITECTURE.md says about who knows whom is read here from the code.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the library: its path below `conn-share/src`, and its lines without comments, documentation and tests.
struct Source {
    path: String,
    text: String,
    code: Vec<(usize, String)>,
}

/// Files whose whole content is for tests.
fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("_tests.rs") || path.ends_with("/tests.rs")
}

fn read_all(package: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                let path = path.strip_prefix(&root).expect("below the root").display().to_string();
                let code = if is_test_file(&format!("/{path}")) { Vec::new() } else { code_lines(&text) };
                found.push(Source { path, text, code });
            }
        }
    }
    assert!(found.len() > 5, "{} holds too few sources to be true", root.display());
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// The numbered lines that are code: up to a test module (which comes last in its file), without comments.
fn code_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut previous_is_test = false;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if previous_is_test && trimmed.starts_with("mod ") && trimmed.ends_with('{') {
            break;
        }
        previous_is_test = trimmed.starts_with("#[cfg(") && trimmed.contains("test");
        if !trimmed.starts_with("//") && !trimmed.is_empty() {
            let code = line.split(" // ").next().unwrap_or(line);
            lines.push((index + 1, code.to_owned()));
        }
    }
    lines
}

/// Whether `word` stands in `line` as a whole word.
fn names(line: &str, word: &str) -> bool {
    let part_of_name = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    line.match_indices(word).any(|(at, _)| {
        !part_of_name(line[..at].chars().next_back()) && !part_of_name(line[at + word.len()..].chars().next())
    })
}

/// Whether the line names the crate's module: `crate::pool::…`, or `pool` in a list below `crate::{…}`.
fn names_module(line: &str, module: &str) -> bool {
    line.contains("crate::") && names(line, module)
}

fn in_folder(source: &Source, folders: &[&str]) -> bool {
    folders.iter().any(|folder| source.path.starts_with(&format!("{folder}/")) || source.path == format!("{folder}.rs"))
}

/// Asserts that no line of code in these folders is refused.
fn check(rule: &str, folders: &[&str], refused: impl Fn(&str) -> bool) {
    let mut wrong = Vec::new();
    for source in read_all("conn-share").iter().filter(|source| in_folder(source, folders)) {
        for (number, line) in source.code.iter().filter(|(_, line)| refused(line)) {
            wrong.push(format!("{}:{number}: {}", source.path, line.trim()));
        }
    }
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

#[test]
fn cli_thinks_without_io_and_clock() {
    check("cli names no tokio and no clock", &["cli"], |line| {
        names(line, "tokio") || names(line, "Instant::now") || names(line, "SystemTime")
    });
}

#[test]
fn sharing_knows_no_device() {
    check("lock and pool know nothing of talking", &["lock", "pool"], |line| {
        ["cli", "transport", "connection", "device", "sim"].iter().any(|module| names_module(line, module))
    });
}

#[test]
fn talking_knows_no_pool() {
    check("talking knows nothing of pools and of the roof", &["cli", "transport", "connection"], |line| {
        ["pool", "device", "AsyncPool", "WorkerGuard", "PoolError"].iter().any(|module| names_module(line, module))
    });
}

#[test]
fn one_place_knows_russh() {
    let mut wrong = Vec::new();
    for source in read_all("conn-share") {
        let may = ["transport/ssh/", "transport/ssh.rs", "sim/"].iter().any(|place| source.path.starts_with(place));
        let named = source.code.iter().filter(|(_, line)| names(line, "russh"));
        wrong.extend(named.filter(|_| !may).map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())));
    }
    assert!(wrong.is_empty(), "only transport/ssh and sim name russh:\n{}", wrong.join("\n"));
}

#[test]
fn one_place_knows_yaml_and_it_knows_nothing_else() {
    let mut wrong = Vec::new();
    for source in read_all("conn-share") {
        let named = source.code.iter().filter(|(_, line)| names(line, "saphyr_parser"));
        wrong.extend(
            named
                .filter(|_| source.path != "yaml/tree.rs")
                .map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())),
        );
    }
    assert!(wrong.is_empty(), "only yaml/tree.rs names the parser:\n{}", wrong.join("\n"));
    check("yaml is a leaf", &["yaml"], |line| {
        ["cli", "transport", "connection", "device", "lock", "pool", "sim"]
            .iter()
            .any(|module| names_module(line, module))
    });
}

#[test]
fn no_file_is_too_long() {
    let mut wrong = Vec::new();
    for package in ["conn-share", "conn-share-macros"] {
        for source in read_all(package) {
            if source.code.len() > 500 {
                wrong.push(format!("{package}/src/{}: {} lines of code", source.path, source.code.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "these files hide a second noun:\n{}", wrong.join("\n"));
}

#[test]
fn public_async_functions_say_what_a_drop_loses() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for source in read_all("conn-share") {
        let lines: Vec<&str> = source.text.lines().collect();
        for (number, line) in &source.code {
            if !line.trim_start().starts_with("pub async fn ") {
                continue;
            }
            seen += 1;
            // The documentation above it, through its attributes.
            let above = lines[..number - 1].iter().rev().map(|line| line.trim());
            let mut head = above.take_while(|line| !line.is_empty() && !line.ends_with('}'));
            if !head.any(|line| line.starts_with("/// # Cancel safety")) {
                wrong.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(seen > 5, "the library has public async functions; this test no longer finds them");
    assert!(wrong.is_empty(), "no `# Cancel safety` section:\n{}", wrong.join("\n"));
}

#[test]
fn the_rules_bite() {
    assert!(names("use russh::client;", "russh") && !names("let russhy = 1;", "russh"));
    assert!(names_module("use crate::pool::AsyncPool;", "pool") && !names_module("fn pool() {}", "pool"));
    let code = code_lines("use a;\n/// tokio\nfn b() {}\n#[cfg(test)]\nmod tests {\n    use tokio;\n}\n");
    assert_eq!(code.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 3, 4]);
}
