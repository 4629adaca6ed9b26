//! What goes wrong in a world, and how it is put right.

use super::{Happening, World};
use crate::disk::{CrashPoint, Disk, Health};
use crate::net::{Ending, Host, Weather};
use crate::node::{Armed, Who};
use veche_protocol::core::input::Input;
use veche_protocol::store::Table;

impl World {
    /// Kills a node: `power` takes the machine with it, and with it writes that were not flushed.
    pub fn crash(&mut self, who: Who, power: bool) {
        if !self.nodes[who.0].is_up() {
            return;
        }
        self.crashes += 1;
        let waiting = self.nodes[who.0].disk.waiting() as u64;
        // A killed program's writes may all have reached the system, which goes on; a power cut takes any of the last ones.
        let kept = if power { self.dice.between(0, waiting) } else { waiting };
        let ending = if power { Ending::PowerCut } else { Ending::Killed };
        self.end(who, ending, usize::try_from(kept).unwrap_or(usize::MAX));
        if let Some(most) = self.restart_after {
            let after = self.dice.between(1, most);
            self.push(self.at + after, Happening::Start(who));
        }
    }

    pub(super) fn end(&mut self, who: Who, ending: Ending, kept: usize) {
        self.trace.note(self.at, who.0, "end", &[ending as u8]);
        let node = &mut self.nodes[who.0];
        node.core = None;
        node.run += 1;
        node.wake = None;
        node.held.clear();
        node.armed = None;
        node.disk.power_cut(kept);
        self.engines.end(who);
        self.net.stop(self.at, who, ending, &mut self.dice);
        self.collect();
    }

    /// Has a node die at a point, the `after`-th time from now that it gets there.
    pub fn arm(&mut self, who: Who, point: CrashPoint, after: u32) {
        self.nodes[who.0].armed = Some(Armed { point, after });
    }

    /// Whether a node that was armed has not died yet.
    #[must_use]
    pub fn is_armed(&self, who: Who) -> bool {
        self.nodes[who.0].armed.is_some()
    }

    pub(super) fn reached(&mut self, who: Who, point: CrashPoint) -> bool {
        let Some(armed) = self.nodes[who.0].armed.as_mut().filter(|a| a.point == point) else { return false };
        if armed.after > 0 {
            armed.after -= 1;
            return false;
        }
        self.trace.say(self.at, who.0, "dies", &format!("{point:?}"));
        let waiting = self.nodes[who.0].disk.waiting();
        let kept = match point {
            CrashPoint::MidFlush => waiting.div_ceil(2),
            CrashPoint::BeforeFlush | CrashPoint::BeforeCommit => 0,
            _ => waiting,
        };
        self.crashes += 1;
        let ending = if self.dice.chance(500) { Ending::PowerCut } else { Ending::Killed };
        self.end(who, ending, kept);
        if let Some(most) = self.restart_after {
            let after = self.dice.between(1, most);
            self.push(self.at + after, Happening::Start(who));
        }
        true
    }

    /// A node's clocks were set: its timers are read anew.
    pub fn set_clock(&mut self, who: Who, offset: i64) {
        self.nodes[who.0].clock.offset = offset;
    }

    /// Fills a disk, or makes room on it.
    pub fn set_disk(&mut self, who: Who, health: Health) {
        self.nodes[who.0].disk.health = health;
    }

    /// Lets only this many commits wait for a disk.
    pub fn set_disk_room(&mut self, who: Who, room: Option<usize>) {
        self.nodes[who.0].disk.room = room;
    }

    /// Plugs a machine in or out; its node hears that the network changed.
    pub fn set_online(&mut self, who: Who, online: bool) {
        self.net.set_online(self.at, who, online, &mut self.dice);
        self.collect();
        self.give(who, Input::NetworkChanged);
    }

    /// Nothing passes between two groups any more.
    pub fn partition(&mut self, a: &[Who], b: &[Who]) {
        for (x, y) in a.iter().flat_map(|x| b.iter().map(move |y| (*x, *y))) {
            self.net.cut(self.at, x, y, &mut self.dice);
            self.net.cut(self.at, y, x, &mut self.dice);
        }
        self.collect();
    }

    /// Nothing passes from one to another, while the way back is free.
    pub fn cut_one_way(&mut self, from: Who, to: Who) {
        self.net.cut(self.at, from, to, &mut self.dice);
        self.collect();
    }

    /// Good weather, free ways, disks with room; every node that is not wiped runs.
    pub fn heal(&mut self) {
        self.net.weather = Weather::default();
        self.net.heal(self.at, &mut self.dice);
        self.collect();
        let all: Vec<Who> = (0..self.nodes.len()).map(Host).filter(|h| !self.strangers.contains_key(h)).collect();
        for who in all {
            self.nodes[who.0].armed = None;
            self.nodes[who.0].disk.health = Health::Good;
            self.nodes[who.0].disk.room = None;
            self.start(who);
            self.give(who, Input::NetworkChanged);
        }
    }

    /// A machine is put away: nothing starts it again.
    pub fn leave_off(&mut self, who: Who) {
        if self.nodes[who.0].is_up() {
            self.end(who, Ending::PowerCut, 0);
        }
        self.nodes[who.0].off = true;
    }

    /// Puts a copy of one node's files on another's machine, which must not run.
    ///
    /// # Panics
    /// If that node runs.
    pub fn copy_profile(&mut self, from: Who, to: Who) {
        let disk: Disk = self.nodes[from.0].disk.copied();
        let (entropy, account) = (self.nodes[from.0].entropy, self.nodes[from.0].account);
        let node = &mut self.nodes[to.0];
        assert!(!node.is_up(), "a running node's files cannot be replaced");
        node.disk = disk;
        node.entropy = entropy;
        node.account = account;
    }

    /// Loses a table of a node that does not run, as a damaged disk does.
    ///
    /// # Panics
    /// If it runs.
    pub fn lose(&mut self, who: Who, table: Table) {
        assert!(!self.nodes[who.0].is_up(), "a running node's files cannot be damaged");
        self.nodes[who.0].disk.lose(table);
    }
}
