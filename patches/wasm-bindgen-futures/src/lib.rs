//! Stands in for the crate of the same name so that Cargo can resolve one lock file.
//!
//! libp2p-swarm 0.48 pins `wasm-bindgen-futures = "=0.4.58"`, whose `js-sys` is older than the one eframe 0.37 asks for.
//! Both only matter on WebAssembly, a target that Veche has no use for, but Cargo resolves all targets at once.
//! Remove this folder and the `[patch]` entry once libp2p-swarm loosens the pin.
#[cfg(target_family = "wasm")]
compile_error!("Veche does not build for WebAssembly: this crate only satisfies the resolver");
