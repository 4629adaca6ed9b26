//! Cargo manifests, read line by line: which packages one depends on, and whether it takes the common lints.

/// A dependency of a package, normal, dev or build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Name of the package as the manifest writes it.
    pub name: String,
    /// Whether it stands under `dev-dependencies`.
    pub dev: bool,
    /// Line, counted from 1.
    pub line: usize,
}

/// The dependencies that a manifest lists.
#[must_use]
pub fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut section = String::new();
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        let number = index + 1;
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            header.clone_into(&mut section);
            // `[dependencies.name]` is a dependency of its own.
            if let Some((table, name)) = section.rsplit_once('.')
                && let Some(dev) = is_dev(table)
            {
                found.push(Dependency { name: name.to_owned(), dev, line: number });
            }
        } else if let Some(dev) = is_dev(&section)
            && let Some(name) = key(line)
        {
            found.push(Dependency { name, dev, line: number });
        }
    }
    found
}

/// `None` unless the section lists dependencies; otherwise whether it is one for tests. `workspace.dependencies` only says
/// which version is meant and is not one.
fn is_dev(section: &str) -> Option<bool> {
    let kind = section.rsplit('.').next().unwrap_or(section);
    let of_a_package = section == kind || section.starts_with("target.");
    match kind {
        "dependencies" | "build-dependencies" if of_a_package => Some(false),
        "dev-dependencies" if of_a_package => Some(true),
        _ => None,
    }
}

fn key(line: &str) -> Option<String> {
    let (key, _) = line.split_once('=')?;
    let name = key.trim().split('.').next()?.trim_matches('"');
    (!name.is_empty() && !name.starts_with('#')).then(|| name.to_owned())
}

/// Whether the manifest says `[lints] workspace = true`.
#[must_use]
pub fn takes_common_lints(manifest: &str) -> bool {
    let mut section = "";
    manifest.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        section == "[lints]" && line.replace(' ', "") == "workspace=true"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_dependency_is_seen() {
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\nsled.workspace = true\n# tokio = \"1\"\nlibc = \"0.2\"\n\n\
                        [dev-dependencies.tempfile]\nversion = \"3\"\n\n[target.'cfg(unix)'.dependencies]\nnix = { version = \"1\" }\n\n\
                        [workspace.dependencies]\negui = \"1\"\n";
        let found: Vec<(String, bool, usize)> = dependencies(manifest).into_iter().map(|d| (d.name, d.dev, d.line)).collect();
        let expected = [("sled", false, 5), ("libc", false, 7), ("tempfile", true, 9), ("nix", false, 13)]
            .map(|(name, dev, line)| (name.to_owned(), dev, line));
        assert_eq!(found, expected);
    }

    #[test]
    fn common_lints_count_only_in_their_section() {
        assert!(takes_common_lints("[lints]\nworkspace = true\n"));
        assert!(!takes_common_lints("[package]\nworkspace = true\n"));
        assert!(!takes_common_lints("[lints]\n[dependencies]\nworkspace = true\n"));
    }
}
