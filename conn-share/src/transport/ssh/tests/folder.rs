//! Files for a test.

use std::path::PathBuf;

/// A folder that is removed in the end.
pub(in crate::transport::ssh) struct Folder(pub(in crate::transport::ssh) PathBuf);

impl Folder {
    /// One of this process; `name` tells the tests apart.
    pub(in crate::transport::ssh) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("conn-share-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(in crate::transport::ssh) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
