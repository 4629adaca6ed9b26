//! Two hosts that see each other and nothing else.

use super::run;
use crate::node::Recipe;
use crate::pump::Pump;
use anyhow::Result;
use std::path::Path;

/// The network device of both hosts.
const DEVICE: &str = "wire";
/// Where nodes on a pump listen: fixed ports, so that they are found again after a restart.
const LISTEN: [&str; 2] = ["/ip4/0.0.0.0/udp/4077/quic-v1", "/ip4/0.0.0.0/tcp/4077"];

/// Two hosts on a wire, 10.77.0.1 and 10.77.0.2, without a default route. Removed when dropped.
pub struct TwoHosts {
    /// Their network namespaces.
    pub names: [String; 2],
}

impl TwoHosts {
    /// Makes them, on a wire of the kernel. To be called [`super::Place::Inside`].
    ///
    /// # Errors
    /// The system refuses.
    pub fn new() -> Result<Self> {
        let hosts = Self::apart()?;
        let [one, two] = &hosts.names;
        run("ip", &["link", "add", DEVICE, "netns", one, "type", "veth", "peer", "name", DEVICE, "netns", two])?;
        hosts.connect()?;
        Ok(hosts)
    }

    /// Makes them, on a wire that can be made as bad as needed. To be called [`super::Place::Inside`].
    ///
    /// # Errors
    /// The system refuses.
    pub fn over_pump(seed: u64) -> Result<(Self, Pump)> {
        let hosts = Self::apart()?;
        let pump = Pump::between([(&hosts.names[0], DEVICE), (&hosts.names[1], DEVICE)], seed)?;
        hosts.connect()?;
        Ok((hosts, pump))
    }

    fn apart() -> Result<Self> {
        let hosts = Self { names: ["veche1".to_owned(), "veche2".to_owned()] };
        for name in &hosts.names {
            run("ip", &["netns", "add", name])?;
            run("ip", &["-n", name, "link", "set", "lo", "up"])?;
        }
        Ok(hosts)
    }

    fn connect(&self) -> Result<()> {
        for (number, name) in (1..).zip(&self.names) {
            run("ip", &["-n", name, "addr", "add", &format!("10.77.0.{number}/24"), "dev", DEVICE])?;
            run("ip", &["-n", name, "link", "set", DEVICE, "up"])?;
        }
        Ok(())
    }

    /// A node on one of them (0 or 1) that is told where to listen, looks for nobody, and is found by its address.
    #[must_use]
    pub fn recipe(&self, host: usize, name: &str, folder: &Path) -> Recipe {
        self.recipe_listening(host, name, folder, &LISTEN)
    }

    /// The same with other addresses to listen on, such as one of one transport only.
    #[must_use]
    pub fn recipe_listening(&self, host: usize, name: &str, folder: &Path, listen: &[&str]) -> Recipe {
        let recipe = Recipe { namespace: self.names.get(host).cloned(), ..Recipe::new(name, folder) }.with(["--no-discovery"]);
        listen.iter().fold(recipe, |recipe, address| recipe.with(["--listen", address]))
    }

    /// Takes the address of one of them (0 or 1) away and gives it 10.77.0.`last` instead, as a laptop gets one in another place.
    ///
    /// # Errors
    /// The system refuses.
    pub fn readdress(&self, host: usize, last: u8) -> Result<()> {
        let name = self.names.get(host).map_or("", String::as_str);
        run("ip", &["-n", name, "addr", "flush", "dev", DEVICE, "scope", "global"])?;
        run("ip", &["-n", name, "addr", "add", &format!("10.77.0.{last}/24"), "dev", DEVICE])?;
        Ok(())
    }

    /// Gives both a default route, through each other: packets to the outside now leave, and would be counted.
    ///
    /// # Errors
    /// The system refuses.
    pub fn open_a_way_out(&self) -> Result<()> {
        let [one, two] = &self.names;
        run("ip", &["-n", one, "route", "add", "default", "via", "10.77.0.2"])?;
        run("ip", &["-n", two, "route", "add", "default", "via", "10.77.0.1"])?;
        Ok(())
    }
}

impl Drop for TwoHosts {
    fn drop(&mut self) {
        for name in &self.names {
            // The namespaces end with the test in any case.
            let _ = run("ip", &["netns", "del", name]);
        }
    }
}
