//! Every rule of the house over the real tree.

use veche_tidy::rules::ALL;
use veche_tidy::{Tree, Violation};

fn repository() -> Tree {
    Tree::of_repository().expect("the repository can be read")
}

/// A rule that looks for its files in the wrong place passes over everything; these must be in sight.
#[test]
fn the_tree_is_seen() {
    let tree = repository();
    for path in
        ["Cargo.toml", "Makefile", ".ci/run", "protocol/src/lib.rs", "node/src/lib.rs", "gui/src/lib.rs", "scripts/apt-packages.txt"]
    {
        assert!(tree.get(path).is_some_and(|file| !file.text.is_empty()), "{path} is not in the tree");
    }
}

#[test]
fn the_house_is_tidy() {
    let tree = repository();
    let mut report = String::new();
    for rule in ALL {
        let mut violations: Vec<Violation> = (rule.check)(&tree);
        violations.sort();
        violations.dedup();
        if !violations.is_empty() {
            let lines: Vec<String> = violations.iter().map(|violation| format!("  {violation}")).collect();
            report.push_str(&format!("\n{} ({}):\n{}\n", rule.name, violations.len(), lines.join("\n")));
        }
    }
    assert!(report.is_empty(), "{report}");
}
