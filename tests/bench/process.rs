//! Processes on a core of their own, and the CPU time they used.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};

/// A child process, ended when dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts `program` on `core`.
    pub(crate) fn start(core: u32, program: &str, arguments: &[String]) -> anyhow::Result<Self> {
        let child = Command::new("taskset")
            .args(["-c", &core.to_string(), program])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        // taskset becomes the program: the child's id is the program's.
        Ok(Self(child))
    }

    /// CPU time of all its threads, user and system, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> anyhow::Result<u64> {
        let tasks = format!("/proc/{}/task", self.0.id());
        let mut sum = 0;
        for task in std::fs::read_dir(&tasks).with_context(|| format!("{tasks}: it has ended"))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            let on_cpu = text.split(' ').next().unwrap_or_default();
            sum += on_cpu.parse::<u64>()?;
        }
        Ok(sum)
    }

    /// Memory in use, in KiB.
    pub(crate) fn resident_kib(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.0.id());
        let status =
            std::fs::read_to_string(&path).with_context(|| format!("{path}: it has ended"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.context("no VmRSS")?.parse()?)
    }
}

impl Process {
    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let id = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; the wait takes it in either way.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Path of another program of this build.
pub(crate) fn built(name: &str) -> anyhow::Result<String> {
    let path: PathBuf = std::env::current_exe()?.with_file_name(name);
    ensure!(
        path.exists(),
        "{} is missing: cargo build --release --bins",
        path.display()
    );
    Ok(path.to_string_lossy().into_owned())
}

/// First line of what `tool` says about itself.
pub(crate) fn version(tool: &str, flag: &str) -> anyhow::Result<String> {
    let said = Command::new(tool).arg(flag).output()?;
    let text = [said.stdout, said.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.next().unwrap_or_default().to_owned())
}
