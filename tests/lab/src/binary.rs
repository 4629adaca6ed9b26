//! Where `veche-node`, `veche-bootstrap` and the app are. Cargo tells a package the paths of its own programs only, so they are looked
//! for beside the running test.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `veche-node`: the one in `VECHE_NODE`, or the one in the target directory, built if it is absent or older than its sources.
///
/// # Errors
/// It is not there and cannot be built.
pub fn veche_node() -> Result<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    const NODE: Program = Program { name: "veche-node", sources: &["node/src", "node/media/src", "protocol/src"], given: "VECHE_NODE" };
    NODE.once(&FOUND)
}

/// `veche-bootstrap`: the one in `VECHE_BOOTSTRAP`, or the one in the target directory, built if it is absent or older than its sources.
///
/// # Errors
/// It is not there and cannot be built.
pub fn veche_bootstrap() -> Result<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    const OPERATOR: Program =
        Program { name: "veche-bootstrap", sources: &["bootstrap/src", "node/src", "protocol/src"], given: "VECHE_BOOTSTRAP" };
    OPERATOR.once(&FOUND)
}

/// The desktop app: the one in `VECHE_APP`, or the one in the target directory, built if it is absent or older than its sources.
///
/// # Errors
/// It is not there and cannot be built.
pub fn veche() -> Result<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    const APP: Program = Program { name: "veche", sources: &["gui/src", "node/src", "node/media/src", "protocol/src"], given: "VECHE_APP" };
    APP.once(&FOUND)
}

struct Program {
    name: &'static str,
    /// Folders whose files go into it.
    sources: &'static [&'static str],
    /// Variable with the path of one to take instead.
    given: &'static str,
}

impl Program {
    fn once(&self, found: &OnceLock<Result<PathBuf, String>>) -> Result<PathBuf> {
        found.get_or_init(|| self.find().map_err(|why| format!("{why:#}"))).clone().map_err(anyhow::Error::msg)
    }

    fn find(&self) -> Result<PathBuf> {
        if let Some(path) = std::env::var_os(self.given) {
            return Ok(path.into());
        }
        let own = std::env::current_exe()?;
        // Tests lie in deps/, programs one above it.
        let folder = own.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).context("the test has no folder")?;
        let program = folder.join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX));
        let built = fs::metadata(&program).and_then(|data| data.modified()).ok();
        let changed = self.sources.iter().filter_map(|sources| newest(&root().join(sources)));
        if built.is_none_or(|built| changed.max().is_some_and(|changed| changed > built)) {
            self.build(folder)?;
        }
        Ok(program)
    }

    fn build(&self, folder: &Path) -> Result<()> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // The whole workspace with one of its tests: the features of every dependency are then those that the tests were built with, and
        // none is compiled a second time.
        cargo.args(["build", "--quiet", "--locked", "--workspace", "--bin", self.name, "--test", "house"]).current_dir(root());
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        if let Some(target) = folder.parent() {
            cargo.env("CARGO_TARGET_DIR", target);
        }
        if !cargo.status().context("cargo does not start")?.success() {
            bail!("{} does not build", self.name);
        }
        Ok(())
    }
}

/// When the youngest file below a folder was changed.
fn newest(folder: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    entries.filter_map(|entry| if entry.path().is_dir() { newest(&entry.path()) } else { entry.metadata().ok()?.modified().ok() }).max()
}
