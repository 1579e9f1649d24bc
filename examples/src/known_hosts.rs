//! The host keys of simulated routers, which are verified like any others.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use conn_share::HostKeys;
use conn_share::sim::Router;

/// A temporary `known_hosts` file; it goes when this is dropped, so keep it as long as anybody connects.
#[derive(Debug)]
pub struct KnownHosts(PathBuf);

impl KnownHosts {
    /// Writes a file with the keys of these routers.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn of<'r>(routers: impl IntoIterator<Item = &'r Router>) -> io::Result<Self> {
        static WRITTEN: AtomicUsize = AtomicUsize::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let name = format!("conn-share-{}-{number}.known_hosts", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        let lines: String = routers.into_iter().map(|router| router.host_key_line() + "\n").collect();
        std::fs::write(&file.0, lines)?;
        Ok(file)
    }

    /// Trusts these keys and no others.
    pub fn trusted(&self) -> HostKeys {
        HostKeys::known().file(&self.0).without_default_files()
    }

    /// Where the file is.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for KnownHosts {
    fn drop(&mut self) {
        // A file that is left in the temporary folder does no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}
