//! A server process which cannot outlive the test process.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts `$@` and kills it when standard input closes, as it does however the test process ends.
///
/// With a line on standard input first, the directory `$0` is kept for a restart. The shell reaps the server only
/// after the kill, so the process id cannot have passed to another process. It ignores the signals of a terminal:
/// the server gets those too, but would survive them while it is stopped.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
"$@" </dev/null >>server.log 2>&1 &
echo $!
read -r _ && keep=yes
kill -9 $!
wait $!
[ "${keep-}" ] || rm -rf "$0"
"#;

#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    watchdog: Child,
}

impl Process {
    pub(super) fn spawn(program: &Path, arguments: &[String], directory: &Path) -> Self {
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG])
            .arg(directory)
            .arg(program)
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(watchdog.stdout.take().unwrap())
            .read_line(&mut pid)
            .unwrap();
        let pid = pid.trim().parse().unwrap();
        Self { pid, watchdog }
    }

    /// Ends the server and leaves its directory.
    pub(super) fn kill(mut self) {
        if let Some(stdin) = self.watchdog.stdin.as_mut() {
            // Fails only when the watchdog is gone, and with it the server.
            let _ = stdin.write_all(b"keep\n");
        }
    }

    pub(super) fn signal(&self, name: &str) {
        let status = Command::new("sh")
            .args(["-c", r#"kill -s "$0" "$1""#, name, &self.pid.to_string()])
            .status()
            .unwrap();
        assert!(status.success(), "kill -s {name} {}", self.pid);
    }

    pub(super) fn is_stopped(&self) -> bool {
        state(self.pid) == Some('T')
    }
}

/// Ends the server and removes its directory.
impl Drop for Process {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Whether a process runs; one that ended and was not reaped does not.
pub fn alive(pid: u32) -> bool {
    state(pid).is_some_and(|state| state != 'Z')
}

/// The letter that `ps` shows for the state of a process.
fn state(pid: u32) -> Option<char> {
    if Path::new("/proc/self/stat").exists() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name comes before, in parentheses, and may hold anything.
        return stat.rsplit(')').next()?.trim_start().chars().next();
    }
    let output = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    String::from_utf8_lossy(&output.stdout)
        .trim_start()
        .chars()
        .next()
}
