//! Compose files in, what `check` prints out: every file of `fixtures/check`.
//!
//! A fixture's name says what it shows; the text beside it is what is printed, word
//! for word. After an intended change, write the new texts with
//! `UPDATE_FIXTURES=1 cargo test -p fairway-control --test check` and read the
//! difference.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop loudly"
)]

mod corpus;
mod difference;
mod property;

use std::path::{Path, PathBuf};

use fairway_control::check::{self, Files, Format, Report, Sources};
use fairway_control::model::ProviderState;
use fairway_control::provider::file::{self, FileOptions, FileSource};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/check")
}

/// Checks files of the fixtures' folder.
fn fixture(paths: &[&str], flags: &[&str]) -> Report {
    let files = files(paths, flags);
    let read = |path: &Path| std::fs::read_to_string(folder().join(path));
    check::check(
        &files,
        Sources {
            read: &read,
            variable: &|_| None,
            declared: &declared_in_folder,
        },
    )
}

/// What files of the fixtures' folder declare.
fn declared_in_folder(options: &FileOptions) -> ProviderState {
    let source = match &options.source {
        FileSource::File(path) => FileSource::File(folder().join(path)),
        FileSource::Directory(path) => FileSource::Directory(folder().join(path)),
    };
    file::read(&FileOptions {
        source,
        ..options.clone()
    })
}

fn nothing(_: &FileOptions) -> ProviderState {
    ProviderState::default()
}

/// Checks one text.
fn text(text: &str, flags: &[&str]) -> Report {
    let read = |path: &Path| match path.to_str() {
        Some("compose.yml") => Ok(text.to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    check::check(
        &files(&["compose.yml"], flags),
        Sources {
            read: &read,
            variable: &|_| None,
            declared: &nothing,
        },
    )
}

fn files(paths: &[&str], flags: &[&str]) -> Files {
    Files {
        paths: paths.iter().map(PathBuf::from).collect(),
        flags: flags.iter().map(ToString::to_string).collect(),
        directory: "shop".to_owned(),
        ..Files::default()
    }
}

#[test]
fn every_fixture_prints_what_it_should_word_for_word() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.ends_with(".yml"))
        .collect();
    names.sort();
    assert!(names.len() > 10, "only {} fixtures", names.len());
    let mut failures = String::new();
    for name in names {
        let printed = fixture(&[&name], &[]).print(Format::Text);
        let path = folder().join(&name).with_extension("txt");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(path, printed).unwrap();
        } else {
            let expected = std::fs::read_to_string(path).unwrap_or_default();
            if expected != printed {
                failures.push_str(&format!(
                    "\n{name}\n--- expected\n{expected}--- found\n{printed}"
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn json_has_the_shape_of_rawdata_and_the_place_of_every_diagnostic() {
    let report = fixture(&["an-entry-point-that-does-not-exist.yml"], &[]);
    assert!(report.has_errors());
    let json: Value = serde_json::from_str(&report.print(Format::Json)).unwrap();
    let shop = &json["routers"]["shop@docker"];
    assert_eq!(
        (&shop["status"], &shop["rule"]),
        (&"disabled".into(), &"Host(`shop.test`)".into())
    );
    assert_eq!(
        json["routers"]["admin@docker"]["using"],
        serde_json::json!(["internal"])
    );
    let service = &json["services"]["shop@docker"];
    assert_eq!(
        service["loadBalancer"]["servers"][0]["url"],
        "http://shop-shop-1:8080"
    );
    assert!(
        service.get("serverStatus").is_none(),
        "nobody has asked the servers"
    );
    assert_eq!(json["middlewares"], serde_json::json!({}));
    assert_eq!(json["entryPoints"]["web"]["address"], ":80");
    assert_eq!(
        json["diagnostics"][0],
        serde_json::json!({
            "severity": "error",
            "file": "an-entry-point-that-does-not-exist.yml",
            "line": 12,
            "service": "shop",
            "container": "shop-shop-1",
            "label": "traefik.http.routers.shop.entrypoints",
            "object": "router shop@docker",
            "message": "none of the router's entry points exists: wbe",
            "suggestion": "did you mean web?",
        })
    );
}

#[test]
fn flags_after_the_files_decide_and_a_lone_file_gets_the_defaults() {
    let project = "services:\n  a:\n    expose: [80]\n    labels:\n    - \
                   traefik.http.routers.a.rule=Host(`a.test`)\n    - \
                   traefik.http.routers.a.entrypoints=web\n";
    assert!(text(project, &[]).has_errors());
    assert!(!text(project, &["--entrypoints.web.address=:8000"]).has_errors());
    let hidden = text(project, &["--providers.docker.exposedByDefault=false"]);
    assert_eq!(hidden.compiled.routers.len(), 0);
}

/// Runs the program in the fixtures' folder; its exit status and what it printed.
fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_fairway-control"))
        .args(args)
        .current_dir(folder())
        .env_remove("COMPOSE_PROJECT_NAME")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_exit_status_tells_a_good_file_from_a_bad_one_and_from_a_bad_command() {
    let (status, out, _) = run(&["check", "a-project-without-a-fault.yml"]);
    assert_eq!(status, Some(0), "{out}");
    assert!(
        out.contains("http://check-shop-2:8080"),
        "the folder names the project: {out}"
    );
    let (status, out, _) = run(&[
        "check",
        "--format",
        "json",
        "-p",
        "mine",
        "a-misspelt-label.yml",
    ]);
    assert_eq!(status, Some(1), "{out}");
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["diagnostics"][0]["container"], "mine-shop-1");
    for (args, part) in [
        (&["check"][..], "FILE"),
        (
            &["check", "--format", "xml", "x.yml"],
            "possible values: text, json",
        ),
        (&["diff", "--sever", "x", "x.yml"], "--server"),
        (&["explain"], "<URL>"),
        (&["explain", "ftp://a.test/"], "write http:// or https://"),
        (
            &["explain", "--server", "nobody", "http://a.test/"],
            "\"nobody\" is not the URL of a control plane",
        ),
        (&["explian", "http://a.test/"], "did you mean explain?"),
        (&["wait", "--contaner=web"], "did you mean --container?"),
    ] {
        let (status, _, err) = run(args);
        assert_eq!(status, Some(2), "{err}");
        assert!(err.contains(part), "{err}");
    }
    let (status, out, _) = run(&["check", "no-such-file.yml"]);
    assert_eq!(status, Some(1));
    assert!(
        out.contains("error: no-such-file.yml cannot be read"),
        "{out}"
    );
    let (status, _, err) = run(&[
        "diff",
        "--server",
        "http://127.0.0.1:1",
        "a-project-without-a-fault.yml",
    ]);
    assert_eq!(status, Some(1));
    assert!(
        err.contains("no control plane answers at http://127.0.0.1:1"),
        "{err}"
    );
    assert!(
        run(&["check", "--help"])
            .1
            .contains("fairway-control check")
    );
}

#[test]
fn later_files_are_merged_over_earlier_ones_and_places_tell_the_file() {
    let report = fixture(
        &["a-project-without-a-fault.yml", "a-misspelt-label.yml"],
        &[],
    );
    let files: std::collections::BTreeSet<_> = report
        .findings
        .iter()
        .filter_map(|it| it.file.clone())
        .collect();
    assert_eq!(
        files.into_iter().collect::<Vec<_>>(),
        [PathBuf::from("a-misspelt-label.yml")]
    );
    assert!(report.compiled.middlewares.contains_key("strip@docker"));
}

#[test]
fn files_of_the_command_line_are_read_and_told_by_line() {
    let args = [
        "check",
        "--format",
        "json",
        "objects-of-files-that-are-not-known.yml",
        "--",
        "--providers.file.directory=dynamic",
    ];
    let (status, out, _) = run(&args);
    assert_eq!(status, Some(1), "{out}");
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["routers"]["shop@docker"]["status"], "enabled");
    assert_eq!(json["routers"]["docs@file"]["status"], "enabled");
    assert_eq!(
        json["middlewares"]["guard@file"]["usedBy"],
        serde_json::json!(["docs@file", "shop@docker"])
    );
    let found = json["diagnostics"].as_array().unwrap();
    let [one] = &found[..] else {
        panic!("{found:#?}")
    };
    assert_eq!(
        (&one["file"], &one["label"]),
        (
            &"dynamic/guard.yml".into(),
            &"http.routers.slip.rul (line 7)".into()
        )
    );
    let (_, out, _) = run(&[&args[..1], &args[3..]].concat());
    assert!(
        out.starts_with("dynamic/guard.yml: error: rul is not an option of a router\n"),
        "{out}"
    );
}
