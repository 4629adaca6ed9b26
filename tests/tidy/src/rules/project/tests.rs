//! Each rule about the project's own files, shown a tree that breaks it.

use super::*;

fn rules_of(check: fn(&Tree) -> Vec<Violation>, files: &[(&str, &str)]) -> Vec<String> {
    check(&Tree::of(files)).into_iter().map(|violation| violation.rule).collect()
}

#[test]
fn a_package_without_the_common_lints_is_caught() {
    let own = ("node/Cargo.toml", "[package]\nname = \"veche-node\"\n");
    assert_eq!(rules_of(common_lints, &[own, ("gui/Cargo.toml", "[lints]\nworkspace = true\n"), ("Cargo.toml", "[workspace]\n")]).len(), 1);
}

#[test]
fn a_setting_that_only_the_root_has_is_caught() {
    let root = ("clippy.toml", "# why\nallow-unwrap-in-tests = true\n");
    assert_eq!(rules_of(clippy_files_agree, &[root, ("protocol/clippy.toml", "")]).len(), 1);
    assert!(rules_of(clippy_files_agree, &[root, ("protocol/clippy.toml", "allow-unwrap-in-tests = true\nmore = 1\n")]).is_empty());
    assert_eq!(rules_of(clippy_files_agree, &[]).len(), 1);
}

#[test]
fn each_lint_that_the_core_stops_denying_is_caught() {
    let head = |lints: &[&str]| format!("//! The core.\n#![cfg_attr(\n    not(test),\n    deny({})\n)]\npub mod a;\n", lints.join(", "));
    assert!(rules_of(core_denies_panics, &[("protocol/src/lib.rs", &head(CORE_LINTS))]).is_empty());
    for lint in CORE_LINTS {
        let others: Vec<&str> = CORE_LINTS.iter().copied().filter(|other| other != lint).collect();
        assert_eq!(rules_of(core_denies_panics, &[("protocol/src/lib.rs", &head(&others))]), [format!("does not deny {lint}")]);
    }
    let in_a_comment = format!("//! #![deny({})]\n", CORE_LINTS.join(", "));
    assert_eq!(rules_of(core_denies_panics, &[("protocol/src/lib.rs", &in_a_comment)]).len(), CORE_LINTS.len());
}

#[test]
fn apt_outside_its_script_is_caught() {
    let list = (APT_LIST, "[build]\ngcc # compiles\n");
    assert_eq!(rules_of(apt_in_one_file, &[list, (".ci/run", "apt-get install -y jq\n")]).len(), 1);
    assert_eq!(rules_of(apt_in_one_file, &[list, ("Makefile", "x:\n\tsudo apt install jq\n")]).len(), 1);
    assert!(
        rules_of(apt_in_one_file, &[list, ("scripts/a.sh", "# apt-get is not called here\n"), (APT_SCRIPT, "apt-get install x\n")])
            .is_empty()
    );
}

#[test]
fn a_sloppy_apt_list_is_caught() {
    for (text, wrong) in [
        ("gcc # c\n[build]\n", "stands before the first [section]"),
        ("[build]\ngcc # c\n[tests]\ngcc # d\n", "is named twice"),
        ("[build]\ngcc\n", "has no reason"),
        ("[build]\ngcc make # both\n", "is not one package name"),
    ] {
        let found = rules_of(apt_in_one_file, &[(APT_LIST, text)]);
        assert!(matches!(found.as_slice(), [rule] if rule.ends_with(wrong)), "{text}: {found:?}");
    }
    assert_eq!(rules_of(apt_in_one_file, &[]), ["is missing"]);
}

#[test]
fn a_program_without_a_listed_package_is_caught() {
    let list = (APT_LIST, "[tests]\nxdotool # types\n");
    let source = "//! X.\nfn f() {\n    Command::new(\"xdotool\");\n    std::process::Command::new(\"nft\");\n    Command::new(\"cowsay\");\n    \
                  Command::new(\"./built\");\n    Command::new(program);\n    Command::new(\"cargo\");\n}\n";
    let lines: Vec<usize> =
        programs_have_packages(&Tree::of(&[list, ("tests/lab/src/a.rs", source)])).iter().map(|violation| violation.line).collect();
    assert_eq!(lines, [4, 5]);
}

#[test]
fn a_weaker_ci_is_caught() {
    assert!(rules_of(ci_runs_make_test, &[(".ci/run", "#!/usr/bin/env bash\nset -euo pipefail\nexec make test\n")]).is_empty());
    assert_eq!(
        rules_of(ci_runs_make_test, &[(".ci/run", "set -euo pipefail\n# make test\ncargo test -p veche-protocol\n")]),
        ["does not call `make test`"]
    );
    assert_eq!(rules_of(ci_runs_make_test, &[(".ci/run", "make test\n")]), ["does not stop at a failure"]);
    assert_eq!(rules_of(ci_runs_make_test, &[(".ci/run", "set -euo pipefail\nmake lint || true\nmake test\n")]), ["passes over a failure"]);
    assert_eq!(rules_of(ci_runs_make_test, &[]), ["is missing"]);
}

#[test]
fn a_document_that_names_no_target_or_a_wrong_one_is_caught() {
    let makefile = ("Makefile", "run: deps\n\tx\ntest:\n\tx\n");
    assert!(rules_of(documented_targets_exist, &[makefile, ("README.md", "Start: `make run`\n\n    make test\n")]).is_empty());
    assert_eq!(
        rules_of(documented_targets_exist, &[makefile, ("README.md", "`make run` and `make tests` and `make test`\n")]),
        ["names `make tests`, which the Makefile does not have"]
    );
    assert_eq!(rules_of(documented_targets_exist, &[makefile, ("README.md", "`make run`\n")]), ["does not name `make test`"]);
    assert!(rules_of(documented_targets_exist, &[makefile]).is_empty());
}
