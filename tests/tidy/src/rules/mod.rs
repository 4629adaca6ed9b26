//! The rules, by what they look at.

pub mod crates;
pub mod edges;
pub mod form;
pub mod project;
pub mod purity;
pub mod size;

use crate::{Tree, Violation};

/// A group of rules that fails as one test.
pub struct Rule {
    /// Name in the output.
    pub name: &'static str,
    /// Finds every violation in the tree.
    pub check: fn(&Tree) -> Vec<Violation>,
}

/// Every rule of the house.
pub const ALL: &[Rule] = &[
    Rule { name: "each heavy crate has one door", check: crates::named_in_their_places },
    Rule { name: "packages depend downwards", check: edges::package_arrows },
    Rule { name: "modules depend downwards", check: edges::module_arrows },
    Rule { name: "the core has no clock, disk, network or chance", check: purity::of_the_core },
    Rule { name: "every file says what lives in it", check: form::opens_with_its_purpose },
    Rule { name: "colours live in the theme", check: form::colours_in_the_theme },
    Rule { name: "tests do not sleep", check: form::no_long_sleeps },
    Rule { name: "no path of one person's machine", check: form::no_private_paths },
    Rule { name: "files stay small", check: size::within_the_cap },
    Rule { name: "packages share the lint table", check: project::common_lints },
    Rule { name: "the core's clippy.toml repeats the root's", check: project::clippy_files_agree },
    Rule { name: "the core denies what can panic", check: project::core_denies_panics },
    Rule { name: "apt packages are named in one file", check: project::apt_in_one_file },
    Rule { name: "programs that tests start come from a named package", check: project::programs_have_packages },
    Rule { name: "CI runs make test", check: project::ci_runs_make_test },
    Rule { name: "documents name targets that exist", check: project::documented_targets_exist },
];
