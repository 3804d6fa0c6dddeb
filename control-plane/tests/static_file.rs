//! `--configFile` as the process reads it: a file that is there, and one that is not.

#![allow(clippy::unwrap_used, reason = "a test may stop loudly")]

use fairway_control::config::Command;

fn command(line: &str) -> Result<Command, String> {
    Command::parse(line.split(' ').map(str::to_owned)).map_err(|error| error.to_string())
}

#[test]
fn the_file_is_the_whole_configuration() {
    let line = "--configFile tests/fixtures/static/fairway.yml --providers.docker";
    let Command::Run(config) = command(line).unwrap() else {
        panic!("it does not run");
    };
    assert!(config.ping && config.docker.is_none() && config.file.is_some());
    assert_eq!(config.entry_points["web"].address, ":8000");
    let told = &config.warnings[0].message;
    assert!(told.contains("--providers.docker"), "{told}");
    let line = "healthcheck --configFile=tests/fixtures/static/fairway.yml";
    assert!(matches!(command(line), Ok(Command::Healthcheck(_))));
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let error = command("--configFile=tests/fixtures/static/none.yml").unwrap_err();
    assert!(error.contains("none.yml: it cannot be read"), "{error}");
}
