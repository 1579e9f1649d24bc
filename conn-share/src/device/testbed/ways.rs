//! Paths that go through other devices of the file: `proxy`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{ConnectOptions, Device, Error, ErrorKind, Path, Result, Target};

use super::Testbed;

/// So many devices may lie on the way to one. More are a ring.
const MOST_HOPS: usize = 8;

/// Settles how to log in to the devices that paths go through. What cannot be is told to those who take the path.
pub(super) fn find(read: &mut Testbed) {
    let mut found = Vec::new();
    for (device, described) in &read.devices {
        for (via, proxies) in described.proxies() {
            found.push((device.clone(), via.to_owned(), way(read, proxies, 0)));
        }
    }
    for (device, via, way) in found {
        let paths = read.devices.get_mut(&device).and_then(Device::paths_mut);
        let Some(path) = paths.and_then(|paths| paths.get_mut(&via)) else { continue };
        match way {
            Ok(jump) => path.jump = jump,
            Err(error) => path.no_jump = Some(error),
        }
    }
}

/// The last of the devices named, with those before it as its jump hosts.
fn way(read: &Testbed, names: &[String], depth: usize) -> Result<Option<Target>> {
    if depth > MOST_HOPS {
        return Err(Error::new(ErrorKind::Config, "the proxies lead in a ring"));
    }
    let mut reached: Option<Target> = None;
    for name in names {
        let device = read.device(name)?;
        let (mut hop, proxies) = device.ssh_target()?;
        let before = match reached.take() {
            None => way(read, proxies, depth + 1)?,
            before => before,
        };
        hop.jump = before.map(Box::new);
        reached = Some(hop);
    }
    Ok(reached)
}

impl Device {
    /// The paths, while nobody else has the device.
    fn paths_mut(&mut self) -> Option<&mut BTreeMap<String, Path>> {
        Arc::get_mut(&mut self.described).map(|described| &mut described.description.paths)
    }

    /// The paths that go through other devices, and which.
    fn proxies(&self) -> impl Iterator<Item = (&str, &[String])> {
        let paths = self.described.description.paths.iter();
        paths.filter(|(_, path)| !path.proxy.is_empty()).map(|(via, path)| (via.as_str(), path.proxy.as_slice()))
    }

    /// How to log in by SSH, by the default path or the only one, with the hosts on the way as the path names them.
    fn ssh_target(&self) -> Result<(Target, &[String])> {
        let description = &self.described.description;
        let (via, path) = description.ssh_path()?;
        Ok((description.plan(ConnectOptions::via(via))?.target, &path.proxy))
    }
}
