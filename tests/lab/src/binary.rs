//! Where `veche-node` is. Cargo tells a package the paths of its own programs only, so it is looked for beside the running test.

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

/// The program: the one in `VECHE_NODE`, or the one in the target directory, built if it is absent or older than its sources.
///
/// # Errors
/// It is not there and cannot be built.
pub fn veche_node() -> Result<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(|| find().map_err(|why| format!("{why:#}"))).clone().map_err(anyhow::Error::msg)
}

fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("VECHE_NODE") {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    // Tests lie in deps/, programs one above it.
    let folder = own.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).context("the test has no folder")?;
    let program = folder.join(format!("veche-node{}", std::env::consts::EXE_SUFFIX));
    let built = fs::metadata(&program).and_then(|data| data.modified()).ok();
    let changed = ["node/src", "protocol/src"].into_iter().filter_map(|sources| newest(&root().join(sources)));
    if built.is_none_or(|built| changed.max().is_some_and(|changed| changed > built)) {
        build(folder)?;
    }
    Ok(program)
}

fn build(folder: &Path) -> Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "-p", "veche-node", "--bin", "veche-node"]).current_dir(root());
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    if let Some(target) = folder.parent() {
        cargo.env("CARGO_TARGET_DIR", target);
    }
    if !cargo.status().context("cargo does not start")?.success() {
        bail!("veche-node does not build");
    }
    Ok(())
}

/// When the youngest file below a folder was changed.
fn newest(folder: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    entries.filter_map(|entry| if entry.path().is_dir() { newest(&entry.path()) } else { entry.metadata().ok()?.modified().ok() }).max()
}
