//! CPU time that the server and this process have used.

use std::fs;
use std::time::Duration;

/// What the server has used since its start.
pub fn server_cpu(connection: &mut redis::Connection) -> Duration {
    let info: String = redis::cmd("INFO").arg("cpu").query(connection).unwrap();
    let seconds = ["used_cpu_sys:", "used_cpu_user:"].map(|name| {
        let line = info.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse::<f64>().unwrap()
    });
    Duration::from_secs_f64(seconds.iter().sum())
}

/// What the live threads of this process have used; `None` where the system does not say it finely enough.
pub fn client_cpu() -> Option<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task").ok()?.flatten() {
        // A thread may end meanwhile.
        let Ok(schedstat) = fs::read_to_string(task.path().join("schedstat")) else {
            continue;
        };
        nanoseconds += running(&schedstat)?;
    }
    (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
}

/// What this thread has used, for one that ends.
pub fn thread_cpu() -> Duration {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat");
    let nanoseconds = schedstat.ok().and_then(|schedstat| running(&schedstat));
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

fn running(schedstat: &str) -> Option<u64> {
    schedstat.split(' ').next()?.parse().ok()
}
