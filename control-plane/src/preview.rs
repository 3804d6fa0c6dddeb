//! `fairway-control check` and `diff`: the shell around
//! [`fairway_control::check`] that reads files and prints.

use std::path::Path;
use std::process::ExitCode;

use fairway_control::check::{self, CheckOptions, DiffOptions, Files, Sources};
use fairway_control::provider::file;

/// Prints what files or an engine's containers become.
pub(crate) async fn check(mut options: CheckOptions) -> anyhow::Result<ExitCode> {
    let report = if options.docker {
        check::check_docker(&options.files.flags).await?
    } else {
        name(&mut options.files);
        check::check(&options.files, sources())
    };
    print!("{}", report.print(options.format));
    Ok(status(report.has_errors()))
}

/// Prints what files would change in a running control plane.
pub(crate) async fn diff(mut options: DiffOptions) -> anyhow::Result<ExitCode> {
    name(&mut options.files);
    let changes = check::diff(&options.files, &options.server, sources()).await?;
    print!("{}", changes.print(options.format));
    Ok(status(changes.report.has_errors()))
}

fn status(has_errors: bool) -> ExitCode {
    if has_errors {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn sources() -> Sources<'static> {
    Sources {
        read: &|path| std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        variable: &|name| std::env::var(name).ok(),
        declared: &file::read,
    }
}

/// The project is named after the folder of the first file.
fn name(files: &mut Files) {
    let first = files
        .paths
        .first()
        .map_or(Path::new(""), |path| path.as_path());
    let folder = std::path::absolute(first).ok();
    let folder = folder
        .as_deref()
        .and_then(Path::parent)
        .and_then(Path::file_name);
    files.directory = folder
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
}
