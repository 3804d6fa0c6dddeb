//! What the system says of a process: its CPU time, memory and open files.

use std::fs;

use crate::text::{Kind, Text};

/// Ticks of a second in `/proc`, whatever the kernel was built with.
const TICKS_PER_SECOND: u64 = 100;

/// This process, now. What the system does not tell is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Milliseconds of CPU since its start.
    pub cpu_ms: u64,
    /// Bytes of memory in use.
    pub resident_bytes: u64,
    /// Bytes of addresses in use.
    pub virtual_bytes: u64,
    /// File descriptors in use.
    pub open_files: u32,
    /// File descriptors it may have.
    pub max_files: u64,
}

impl Process {
    /// Asks the system.
    #[must_use]
    pub fn now() -> Self {
        let read =
            |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let files = fs::read_dir("/proc/self/fd").map_or(0, |files| {
            // One of them is the directory itself.
            files.count().saturating_sub(1)
        });
        Self {
            open_files: u32::try_from(files).unwrap_or(u32::MAX),
            ..Self::of(&read("stat"), &read("status"), &read("limits"))
        }
    }

    fn of(stat: &str, status: &str, limits: &str) -> Self {
        // The name of the program, in parentheses, may hold anything.
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let ticks = fields.split(' ').skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|it| it.parse::<u64>().ok()).sum();
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|it| it.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            number.unwrap_or_default() * 1024
        };
        let max_files = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"))
            .and_then(|line| line.split_whitespace().next()?.parse().ok());
        Self {
            cpu_ms: ticks * 1000 / TICKS_PER_SECOND,
            resident_bytes: kilobytes("VmRSS:"),
            virtual_bytes: kilobytes("VmSize:"),
            open_files: 0,
            max_files: max_files.unwrap_or_default(),
        }
    }

    /// Writes the families that every client library of Prometheus has. `started`: Unix
    /// time in seconds.
    pub fn write(&self, text: &mut Text, started: f64) {
        let seconds = std::time::Duration::from_millis(self.cpu_ms).as_secs_f64();
        let help = "Total user and system CPU time spent in seconds.";
        text.single("process_cpu_seconds_total", Kind::Counter, help, seconds);
        let help = "Number of open file descriptors.";
        text.single("process_open_fds", Kind::Gauge, help, self.open_files);
        let help = "Maximum number of open file descriptors.";
        text.single("process_max_fds", Kind::Gauge, help, self.max_files);
        let help = "Resident memory size in bytes.";
        let resident = self.resident_bytes;
        text.single("process_resident_memory_bytes", Kind::Gauge, help, resident);
        let help = "Virtual memory size in bytes.";
        let virtual_bytes = self.virtual_bytes;
        text.single(
            "process_virtual_memory_bytes",
            Kind::Gauge,
            help,
            virtual_bytes,
        );
        let help = "Start time of the process since unix epoch in seconds.";
        text.single("process_start_time_seconds", Kind::Gauge, help, started);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_writes_is_read() {
        let stat = "12 (a) b (c) S 1 12 12 0 -1 4194560 500 0 0 0 250 50 0 0 20 0 4 0 99 1000 200";
        let status = "Name:\tx\nVmSize:\t  2048 kB\nVmRSS:\t     100 kB\nThreads:\t4\n";
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 4096                 files\n";
        let expected = Process {
            cpu_ms: 3000,
            resident_bytes: 102_400,
            virtual_bytes: 2_097_152,
            open_files: 0,
            max_files: 1024,
        };
        assert_eq!(Process::of(stat, status, limits), expected);
        assert_eq!(Process::of("", "", ""), Process::default());
    }

    #[test]
    fn this_process_has_memory_and_files() {
        let now = Process::now();
        assert!(now.resident_bytes > 0 && now.virtual_bytes >= now.resident_bytes);
        assert!(now.open_files > 0, "{now:?}");
    }
}
