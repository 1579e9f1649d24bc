//! A process tree that cannot outlive the test.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Failure;

/// The first process of the cage: runs the scripts whose names come on its standard input, one at a time, and ends
/// with everything below it when that input ends.
///
/// What it mounts, and the network namespaces made in it, are its own: the machine sees none of it, and the kernel
/// takes it all down when the last process is gone.
const KEEPER: &str = r#"
mount --make-rprivate / || exit 1
mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns || exit 1
echo ready
while read -r script; do
    bash -eu "$script" >"$script.out" 2>&1 </dev/null
    echo "$?"
done
trap '' TERM
kill -KILL -1 2>/dev/null
rm -rf "$1"
"#;

/// Processes, network namespaces and mounts of one test's servers, and the folder that holds their files.
///
/// The processes live in a process namespace of their own, whose first process reads a pipe from the test. When the
/// test ends, by return, panic or signal, the pipe closes, that process ends, and the kernel kills the rest.
pub struct Cage {
    dir: PathBuf,
    keeper: Mutex<Keeper>,
}

struct Keeper {
    child: Child,
    scripts: Option<ChildStdin>,
    results: BufReader<ChildStdout>,
    started: usize,
}

impl Cage {
    /// Starts an empty cage.
    ///
    /// # Errors
    ///
    /// Without root, or on a system that has no `unshare`.
    pub fn new() -> Result<Self, Failure> {
        let dir = new_folder()?;
        let mut child = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child=KILL", "bash", "-c", KEEPER, "keeper"])
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(dir.join("keeper.err"))?)
            .spawn()
            .map_err(|error| format!("cannot run unshare (package util-linux): {error}"))?;
        let (Some(scripts), Some(results)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the keeper has no pipes".into());
        };
        let mut results = BufReader::new(results);
        let mut ready = String::new();
        results.read_line(&mut ready)?;
        let keeper = Keeper { child, scripts: Some(scripts), results, started: 0 };
        let cage = Self { dir, keeper: Mutex::new(keeper) };
        if ready.trim() != "ready" {
            let why = fs::read_to_string(cage.dir.join("keeper.err")).unwrap_or_default();
            return Err(format!(
                "cannot start a cage for the servers: {}; the real-server tests need root with CAP_SYS_ADMIN and \
                 CAP_NET_ADMIN (see CONTRIBUTING.md)",
                why.trim()
            )
            .into());
        }
        Ok(cage)
    }

    /// The folder for the servers' files; removed with the cage.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs a bash script (with `-eu`) in the cage and waits for it; what it leaves in the background stays until
    /// the cage ends, if its output is redirected.
    ///
    /// # Errors
    ///
    /// When the script fails; the error holds what it printed.
    pub fn run(&self, script: &str) -> Result<String, Failure> {
        let mut keeper = self.keeper.lock().map_err(|_| "a test panicked while it used the cage")?;
        keeper.started += 1;
        let file = self.dir.join(format!("script{}", keeper.started));
        fs::write(&file, script)?;
        let Some(scripts) = &mut keeper.scripts else { return Err("the cage is closed".into()) };
        writeln!(scripts, "{}", file.display())?;
        let mut status = String::new();
        keeper.results.read_line(&mut status)?;
        let output = fs::read_to_string(file.with_extension("out")).unwrap_or_default();
        match status.trim() {
            "0" => Ok(output),
            status => Err(format!("a script in the cage failed (status {status:?}): {}", output.trim()).into()),
        }
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let Ok(keeper) = self.keeper.get_mut() else { return };
        keeper.scripts = None;
        let _ = keeper.child.wait();
    }
}

/// A new folder below the system's temporary one, which other users may enter but not list.
fn new_folder() -> Result<PathBuf, Failure> {
    use std::os::unix::fs::PermissionsExt;

    static MADE: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("conn-share-{}-{number}", std::process::id()));
        match fs::create_dir(&dir) {
            Ok(()) => {
                fs::set_permissions(&dir, fs::Permissions::from_mode(0o711))?;
                return Ok(dir);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("cannot make {}: {error}", dir.display()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_in_the_cage_ends_with_it() {
        let cage = Cage::new().expect("a cage");
        let dir = cage.dir().to_owned();
        cage.run("sleep 4711 >/dev/null 2>&1 & ip netns add inside").expect("the script");
        let sleeping = || crate::Process::all(|process| process.command() == ["sleep", "4711"]).len();
        assert_eq!(sleeping(), 1);
        assert!(!Path::new("/run/netns/inside").exists(), "the namespace shows outside");
        drop(cage);
        assert_eq!(sleeping(), 0);
        assert!(!dir.exists());
    }

    #[test]
    fn a_failing_script_says_what_it_printed() {
        let cage = Cage::new().expect("a cage");
        let error = cage.run("echo that way; false; echo unreachable").expect_err("it fails");
        assert!(error.to_string().ends_with("(status \"1\"): that way"), "{error}");
        assert_eq!(cage.run("echo still here").expect("the next one runs"), "still here\n");
    }
}
