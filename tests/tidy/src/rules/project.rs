//! What the files around the sources promise each other: manifests, lint settings, apt packages, CI, documents.

use crate::lexer::Kind;
use crate::manifest::takes_common_lints;
use crate::{Tree, Violation};

/// The one file that names packages to apt.
const APT_LIST: &str = "scripts/apt-packages.txt";

/// The one script that calls apt.
const APT_SCRIPT: &str = "scripts/install-deps.sh";

/// Workspaces of their own, which the lint table of the root does not reach.
const OWN_WORKSPACES: &[&str] = &["Cargo.toml", "tests/fuzz/Cargo.toml"];

/// Every package takes the lint table of the root.
#[must_use]
pub fn common_lints(tree: &Tree) -> Vec<Violation> {
    tree.files()
        .filter(|file| file.path.ends_with("Cargo.toml") && !OWN_WORKSPACES.contains(&file.path.as_str()))
        .filter(|file| !takes_common_lints(&file.text))
        .map(|file| Violation::new(&file.path, 0, "does not take the common lints", "add `[lints]` with `workspace = true`"))
        .collect()
}

/// The core's clippy.toml holds every setting of the root's, because Clippy reads only the nearer one.
#[must_use]
pub fn clippy_files_agree(tree: &Tree) -> Vec<Violation> {
    const CORE: &str = "protocol/clippy.toml";
    let Some(root) = tree.get("clippy.toml") else {
        return vec![Violation::new("clippy.toml", 0, "is missing", "restore it")];
    };
    let core: Vec<&str> = tree.get(CORE).map(|file| file.text.lines().map(str::trim).collect()).unwrap_or_default();
    root.text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !core.contains(line))
        .map(|line| Violation::new(CORE, 0, format!("lacks a line of the root's: {line}"), "copy it: Clippy reads the nearest file only"))
        .collect()
}

/// Lints that stop a panic or an order that differs between runs, denied at the head of the core.
pub const CORE_LINTS: &[&str] = &[
    "clippy::arithmetic_side_effects",
    "clippy::expect_used",
    "clippy::indexing_slicing",
    "clippy::iter_over_hash_type",
    "clippy::panic",
    "clippy::unreachable",
    "clippy::unwrap_used",
];

/// The head of the core denies [`CORE_LINTS`].
#[must_use]
pub fn core_denies_panics(tree: &Tree) -> Vec<Violation> {
    const HEAD: &str = "protocol/src/lib.rs";
    let denied: Vec<String> = tree.get(HEAD).map(|file| denied_lints(&file.text)).unwrap_or_default();
    CORE_LINTS
        .iter()
        .filter(|lint| !denied.iter().any(|own| own == *lint))
        .map(|lint| Violation::new(HEAD, 0, format!("does not deny {lint}"), "put it back into `#![cfg_attr(not(test), deny(...))]`"))
        .collect()
}

/// The names inside the `deny(…)` or `forbid(…)` of inner attributes.
fn denied_lints(source: &str) -> Vec<String> {
    let code: String =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| line.chars().chain(['\n'])).collect();
    let attributes = code.split("#![").skip(1).filter_map(|rest| rest.split(']').next());
    attributes
        .flat_map(|attribute| attribute.split("deny(").skip(1).chain(attribute.split("forbid(").skip(1)))
        .filter_map(|rest| rest.split(')').next())
        .flat_map(|list| list.split(','))
        .map(|name| name.trim().to_owned())
        .collect()
}

/// Only one script calls apt, and each package in its list is named once, in a section, with its reason.
#[must_use]
pub fn apt_in_one_file(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    let scripts = tree.files().filter(|file| is_script(&file.path) && file.path != APT_SCRIPT);
    for (path, at, line) in scripts.flat_map(|file| numbered(&file.text).map(|(at, line)| (&file.path, at, line))) {
        let code = line.split('#').next().unwrap_or_default();
        if code.contains("apt-get ") || code.contains("apt install") || code.contains("dpkg -i") {
            found.push(Violation::new(path, at, "calls apt", format!("name the package in {APT_LIST} and call {APT_SCRIPT}")));
        }
    }
    let Some(list) = tree.get(APT_LIST) else {
        found.push(Violation::new(APT_LIST, 0, "is missing", "restore it"));
        return found;
    };
    let mut seen: Vec<&str> = Vec::new();
    let mut in_section = false;
    for (at, line) in numbered(&list.text).filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            in_section = true;
            continue;
        }
        let (name, reason) = line.split_once('#').map_or((line, ""), |(name, reason)| (name.trim(), reason.trim()));
        let wrong = match name {
            _ if !in_section => Some("stands before the first [section]"),
            _ if seen.contains(&name) => Some("is named twice"),
            _ if reason.is_empty() => Some("has no reason"),
            _ if name.contains(char::is_whitespace) => Some("is not one package name"),
            _ => None,
        };
        found.extend(
            wrong.map(|wrong| Violation::new(APT_LIST, at, format!("{name} {wrong}"), "one package a line, in a section, with `# why`")),
        );
        seen.push(name);
    }
    found
}

/// Programs that tests and scripts may start, and the package that brings each. Empty: part of every system that builds
/// Rust, or of the toolchain, or built here.
pub const PROGRAMS: &[(&str, &str)] = &[
    ("Xvfb", "xvfb"),
    ("bash", ""),
    ("cargo", ""),
    ("compare", "imagemagick"),
    ("convert", "imagemagick"),
    ("dbus-daemon", "dbus"),
    ("dbus-run-session", "dbus"),
    ("espeak-ng", "espeak-ng"),
    ("git", "git"),
    ("import", "imagemagick"),
    ("ip", "iproute2"),
    ("kill", ""),
    ("mumble", "mumble"),
    ("murmurd", "mumble-server"),
    ("nft", "nftables"),
    ("nsenter", ""),
    ("pactl", "pulseaudio-utils"),
    ("paplay", "pulseaudio-utils"),
    ("parec", "pulseaudio-utils"),
    ("pgrep", "procps"),
    ("prlimit", ""),
    ("ps", "procps"),
    ("pulseaudio", "pulseaudio"),
    ("python3", "python3-venv"),
    ("sh", ""),
    ("ss", "iproute2"),
    ("sysctl", "procps"),
    ("systemd-analyze", "systemd"),
    ("tc", "iproute2"),
    ("tcpdump", "tcpdump"),
    ("unshare", ""),
    ("xclip", "xclip"),
    ("xdg-open", "xdg-utils"),
    ("xdotool", "xdotool"),
    ("xvfb-run", "xvfb"),
    ("xwininfo", "x11-utils"),
];

/// Each program that Rust code starts by name comes from a package in the apt list.
#[must_use]
pub fn programs_have_packages(tree: &Tree) -> Vec<Violation> {
    let listed: Vec<&str> =
        tree.get(APT_LIST).map(|list| list.text.lines().filter_map(|line| line.split_whitespace().next()).collect()).unwrap_or_default();
    let mut found = Vec::new();
    for file in tree.files() {
        for window in file.tokens.windows(5) {
            let [command, colons, new, open, argument] = window else { continue };
            let called = command.name() == Some("Command") && colons.is("::") && new.name() == Some("new") && open.is("(");
            let Kind::Text(program) = &argument.kind else { continue };
            // A path of its own, or one put together at run time, is something that was built here.
            if !called || program.contains(['/', '{', ' ']) {
                continue;
            }
            let fix = match PROGRAMS.iter().find(|(name, _)| name == program) {
                Some((_, "")) => continue,
                Some((_, package)) if listed.contains(package) => continue,
                Some((_, package)) => format!("add {package} to {APT_LIST}"),
                None => "add it with its package to PROGRAMS in tests/tidy/src/rules/project.rs".to_owned(),
            };
            found.push(Violation::new(&file.path, argument.line, format!("starts `{program}`, which no listed package brings"), fix));
        }
    }
    found
}

/// CI calls `make test`, stops at the first failure, and has no way round it.
#[must_use]
pub fn ci_runs_make_test(tree: &Tree) -> Vec<Violation> {
    const CI: &str = ".ci/run";
    let Some(file) = tree.get(CI) else {
        return vec![Violation::new(CI, 0, "is missing", "restore it")];
    };
    let code: Vec<(usize, &str)> = numbered(&file.text).filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect();
    let mut found = Vec::new();
    if !code.iter().any(|(_, line)| line.ends_with("make test")) {
        found.push(Violation::new(CI, 0, "does not call `make test`", "what holds for people holds for CI"));
    }
    if !code.iter().any(|(_, line)| *line == "set -euo pipefail") {
        found.push(Violation::new(CI, 0, "does not stop at a failure", "begin with `set -euo pipefail`"));
    }
    for (at, _) in code.iter().filter(|(_, line)| line.contains("|| true") || line.contains("SKIP")) {
        found.push(Violation::new(CI, *at, "passes over a failure", "let it fail"));
    }
    found
}

/// Documents that people start from, and the targets that each has to name once it exists.
const DOCUMENTS: &[(&str, &[&str])] = &[("README.md", &["run", "test"]), ("CONTRIBUTING.md", &["test", "lint"])];

/// Every `make target` in a document exists, and the documents name those that a newcomer needs.
#[must_use]
pub fn documented_targets_exist(tree: &Tree) -> Vec<Violation> {
    let targets: Vec<&str> = tree
        .get("Makefile")
        .map(|file| file.text.lines().filter_map(|line| line.split_once(':').map(|(name, _)| name)).collect())
        .unwrap_or_default();
    let mut found = Vec::new();
    for file in tree.files().filter(|file| file.path.ends_with(".md")) {
        for (at, line) in numbered(&file.text) {
            for target in quoted_targets(line).filter(|target| !targets.contains(target)) {
                found.push(Violation::new(
                    &file.path,
                    at,
                    format!("names `make {target}`, which the Makefile does not have"),
                    "correct the name, or add the target",
                ));
            }
        }
    }
    for (path, needed) in DOCUMENTS {
        let Some(file) = tree.get(path) else { continue };
        let named: Vec<&str> = file.text.lines().flat_map(quoted_targets).collect();
        for target in needed.iter().filter(|target| !named.contains(target)) {
            found.push(Violation::new(path, 0, format!("does not name `make {target}`"), "say it where a newcomer looks first"));
        }
    }
    found
}

/// Targets in `make x` that stands in backquotes or alone in a line of a code block.
fn quoted_targets(line: &str) -> impl Iterator<Item = &str> {
    let in_quotes = line.split('`').skip(1).step_by(2);
    in_quotes.chain([line]).filter_map(|code| code.trim().trim_start_matches("$ ").strip_prefix("make ")).filter_map(|rest| {
        let target = rest.split_whitespace().next()?;
        target.chars().all(|c| c.is_ascii_lowercase() || c == '-').then_some(target)
    })
}

fn is_script(path: &str) -> bool {
    path.starts_with("scripts/") && path.ends_with(".sh") || path.starts_with(".ci/") || path == "Makefile"
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()))
}

#[cfg(test)]
mod tests;
