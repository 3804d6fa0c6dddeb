//! The access log of a running proxy, in files.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(30);

/// A proxy that logs, and what it has logged.
struct Stage {
    proxy: Proxy,
    folder: tempfile::TempDir,
}

impl Stage {
    /// With one origin behind `a.test`, and the log as `change` makes it.
    fn set(origins: &[&Origin], change: impl FnOnce(&mut proto::AccessLog)) -> Self {
        // Lines of several workers come in any order.
        let config = Config {
            workers: 1,
            ..Config::default()
        };
        let stage = Self {
            proxy: Proxy::start_with(config, Site::of(origins)),
            folder: tempfile::tempdir().unwrap(),
        };
        stage.put(origins, change, |_| ());
        stage
    }

    /// Puts another configuration in force.
    fn put(
        &self,
        origins: &[&Origin],
        change: impl FnOnce(&mut proto::AccessLog),
        adapt: impl Fn(&mut proto::resource::Spec),
    ) {
        let mut log = proto::AccessLog {
            format: proto::AccessLogFormat::Json.into(),
            file_path: self.path().display().to_string(),
            ..Default::default()
        };
        change(&mut log);
        let mut all = resources(Site::of(origins));
        for resource in &mut all {
            adapt(resource.spec.as_mut().unwrap());
        }
        all.push(access_log_resource(log));
        put_in_force(&self.proxy.running, all);
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("made/access.log")
    }

    /// Waits for this many lines, and that there are no more.
    fn lines(&self, count: usize) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.path()).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            assert!(lines.len() <= count, "{lines:#?}");
            if lines.len() == count && text.ends_with('\n') {
                return lines;
            }
            assert!(begun.elapsed() < PATIENCE, "{lines:#?}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    fn objects(&self, count: usize) -> Vec<Value> {
        let lines = self.lines(count);
        let parsed = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        parsed.collect()
    }

    fn object(&self) -> Value {
        self.objects(1).remove(0)
    }
}

fn selection(
    default: proto::FieldMode,
    names: &[(&str, proto::FieldMode)],
) -> Option<proto::FieldSelection> {
    let names = names.iter();
    Some(proto::FieldSelection {
        default_mode: default.into(),
        names: names
            .map(|(name, mode)| ((*name).to_owned(), (*mode).into()))
            .collect(),
    })
}

#[test]
fn a_line_says_what_traefik_says_and_more() {
    let origin =
        Origin::answering(|_| "HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello".to_owned());
    let stage = Stage::set(&[&origin], |_| ());
    stage
        .proxy
        .ask("POST /a%20b?x=1 HTTP/1.1\r\nHost: a.test:8080\r\nContent-Length: 3\r\n\r\nabc");
    let line = stage.object();
    let keys: Vec<&str> = line
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "ClientAddr",
            "ClientHost",
            "ClientPort",
            "ClientUsername",
            "DownstreamContentSize",
            "DownstreamStatus",
            "Duration",
            "OriginContentSize",
            "OriginDuration",
            "OriginStatus",
            "Overhead",
            "RequestAddr",
            "RequestContentSize",
            "RequestCount",
            "RequestHost",
            "RequestMethod",
            "RequestPath",
            "RequestPort",
            "RequestProtocol",
            "RequestScheme",
            "RetryAttempts",
            "RouterName",
            "ServiceAddr",
            "ServiceName",
            "ServiceURL",
            "StartLocal",
            "StartUTC",
            "config_version",
            "container",
            "entryPointName",
            "level",
            "msg",
            "node",
            "time",
        ]
    );
    let server = origin.address.to_string();
    for (key, value) in [
        ("ClientHost", Value::from("127.0.0.1")),
        ("ClientUsername", "-".into()),
        ("DownstreamContentSize", 5.into()),
        ("DownstreamStatus", 201.into()),
        ("OriginContentSize", 5.into()),
        ("OriginStatus", 201.into()),
        ("RequestAddr", "a.test:8080".into()),
        ("RequestHost", "a.test".into()),
        ("RequestPort", "8080".into()),
        ("RequestContentSize", 3.into()),
        ("RequestCount", 1.into()),
        ("RequestMethod", "POST".into()),
        ("RequestPath", "/a%20b?x=1".into()),
        ("RequestProtocol", "HTTP/1.1".into()),
        ("RequestScheme", "http".into()),
        ("RetryAttempts", 0.into()),
        ("RouterName", "r@test".into()),
        ("ServiceName", "s@test".into()),
        ("ServiceAddr", server.clone().into()),
        ("ServiceURL", format!("http://{server}").into()),
        ("config_version", "test".into()),
        ("entryPointName", "web".into()),
        ("level", "info".into()),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    let nanos = |key: &str| line[key].as_u64().unwrap();
    assert_eq!(
        nanos("Overhead"),
        nanos("Duration") - nanos("OriginDuration")
    );
    assert!(nanos("Duration") >= nanos("OriginDuration"));
    let started = line["StartUTC"].as_str().unwrap();
    assert!(
        started.ends_with('Z') && started.parse::<jiff::Timestamp>().is_ok(),
        "{started}"
    );
    let started = line["StartLocal"].as_str().unwrap();
    assert!(started.parse::<jiff::Timestamp>().is_ok(), "{started}");
    assert!(
        line["time"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .is_ok()
    );
    let port = line["ClientPort"].as_str().unwrap();
    assert_eq!(line["ClientAddr"], format!("127.0.0.1:{port}"));
}

#[test]
fn what_the_proxy_answers_itself_is_logged_with_its_reason() {
    let stage = Stage::set(&[], |_| ());
    for (request, method, status, reason, router) in [
        (
            "GET / HTTP/1.1\r\nHost: other\r\n\r\n",
            "GET",
            404,
            "no_route",
            None,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "GET",
            503,
            "no_server",
            Some("r@test"),
        ),
        ("GET / HTTP/1.1\r\n\r\n", "GET", 400, "bad_request", None),
        (
            "TRACE / HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "TRACE",
            405,
            "method_not_allowed",
            None,
        ),
        ("what is this\r\n\r\n", "-", 400, "bad_request", None),
    ] {
        std::fs::remove_file(stage.path()).ok();
        stage.proxy.running.reopen_access_log();
        assert_eq!(stage.proxy.ask(request).status(), status, "{request}");
        let line = stage.object();
        assert_eq!(line["DownstreamStatus"], status, "{request}");
        assert_eq!(line["reason"], reason, "{request}");
        assert_eq!(line["RequestMethod"], method, "{request}");
        assert_eq!(line["OriginStatus"], 0, "{request}");
        assert_eq!(
            line.get("RouterName").and_then(Value::as_str),
            router,
            "{request}"
        );
    }
}

#[test]
fn common_log_format_is_that_of_traefik() {
    let origin = Origin::named("hello");
    let stage = Stage::set(&[&origin], |log| {
        log.format = proto::AccessLogFormat::Common.into();
        log.headers = selection(
            proto::FieldMode::Drop,
            &[
                ("user-agent", proto::FieldMode::Keep),
                ("referer", proto::FieldMode::Redact),
            ],
        );
    });
    let ask = || {
        stage.proxy.ask(
            "GET /p?q=1 HTTP/1.1\r\nHost: a.test\r\nUser-Agent: a \"b\"\r\nReferer: /x\r\n\r\n",
        )
    };
    ask();
    let line = stage.lines(1).remove(0);
    let (begin, rest) = line.split_once(" [").unwrap();
    assert_eq!(begin, "127.0.0.1 - -");
    let (time, rest) = rest.split_once("] ").unwrap();
    assert!(time.ends_with(" +0000") && time.len() == 26, "{time}");
    let (fixed, duration) = rest.rsplit_once(' ').unwrap();
    let url = format!("http://{}", origin.address);
    assert_eq!(
        fixed,
        format!(
            "\"GET /p?q=1 HTTP/1.1\" 200 5 \"REDACTED\" \"a \\\"b\\\"\" 1 \"r@test\" \"{url}\""
        )
    );
    let millis = duration.strip_suffix("ms").unwrap();
    assert!(millis.parse::<u64>().is_ok(), "{duration}");

    let generic = |log: &mut proto::AccessLog| {
        log.format = proto::AccessLogFormat::GenericClf.into();
        log.fields = selection(
            proto::FieldMode::Keep,
            &[("ClientHost", proto::FieldMode::Drop)],
        );
    };
    stage.put(&[&origin], generic, |_| ());
    stage.proxy.get("/");
    let line = stage.lines(2).remove(1);
    assert!(line.starts_with("- - - ["), "{line}");
    assert!(
        line.ends_with("] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\""),
        "{line}"
    );
}

#[test]
fn a_request_that_one_filter_fits_is_logged() {
    let origin = Origin::answering(|request| {
        let slow = request.line().contains("slow");
        if slow {
            std::thread::park_timeout(Duration::from_millis(300));
        }
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let stage = Stage::set(&[&origin], |log| {
        log.filters = Some(proto::AccessLogFilters {
            status_codes: vec![proto::StatusRange {
                first: 404,
                last: 410,
            }],
            retry_attempts: true,
            min_duration_us: 250_000,
        });
    });
    stage.proxy.get("/fast");
    stage.proxy.get("/slow");
    stage.proxy.ask("GET / HTTP/1.1\r\nHost: other\r\n\r\n");
    let lines = stage.objects(2);
    assert_eq!(lines[0]["RequestPath"], "/slow");
    assert_eq!(lines[1]["DownstreamStatus"], 404);
}

#[test]
fn fields_headers_and_parameters_are_kept_dropped_and_redacted() {
    use proto::FieldMode::{Drop, Keep, Redact};
    let origin = Origin::answering(|_| {
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Secret: s\r\nX-Plain: p\r\n\r\n".to_owned()
    });
    let stage = Stage::set(&[&origin], |log| {
        log.fields = selection(Drop, &[("RequestPath", Keep), ("RouterName", Keep)]);
        log.headers = selection(Keep, &[("x-secret", Redact), ("host", Drop)]);
        log.query_parameters = selection(Keep, &[("token", Redact), ("gone", Drop)]);
    });
    stage.proxy.ask(
        "GET /p?token=1&gone=2&here=3 HTTP/1.1\r\nHost: a.test\r\nX-Secret: c\r\nX-Twice: 1\r\n\
         X-Twice: 2\r\n\r\n",
    );
    let line = stage.object();
    let line = line.as_object().unwrap();
    assert_eq!(line["RequestPath"], "/p?token=REDACTED&here=3");
    assert_eq!(line["request_X-Secret"], "REDACTED");
    assert_eq!(line["request_X-Twice"], "1,2");
    assert_eq!(line["origin_X-Secret"], "REDACTED");
    assert_eq!(line["origin_X-Plain"], "p");
    assert_eq!(line["downstream_X-Plain"], "p");
    for absent in ["request_Host", "RequestMethod", "Duration", "node"] {
        assert!(!line.contains_key(absent), "{absent}");
    }
}

#[test]
fn a_tunnel_is_logged_when_it_ends() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head().unwrap();
        wire.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst",
        );
        wire.read_exact(4).unwrap();
        wire.send("bye");
    });
    let stage = Stage::set(&[&origin], |_| ());
    let mut wire = stage.proxy.connect();
    wire.send(
        "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    assert_eq!(wire.read_message().unwrap().status(), 101);
    assert_eq!(wire.read_exact(5).as_deref(), Some("first"));
    // Another request is logged meanwhile, the tunnel is not.
    stage.proxy.ask("GET / HTTP/1.1\r\nHost: other\r\n\r\n");
    assert_eq!(stage.object()["DownstreamStatus"], 404);
    wire.send("more");
    wire.finish_sending();
    assert_eq!(wire.read_to_end(), "bye");
    let line = stage.objects(2).remove(1);
    assert_eq!(line["DownstreamStatus"], 101);
    assert_eq!(line["DownstreamContentSize"], 8);
}

#[test]
fn a_client_that_leaves_before_the_answer_is_logged() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head().unwrap();
        wire.is_closed();
    });
    let stage = Stage::set(&[&origin], |_| ());
    let mut wire = stage.proxy.connect();
    wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    wire.reset();
    let line = stage.object();
    assert_eq!(line["DownstreamStatus"], 499);
    assert_eq!(line["reason"], "client_reset");
}

#[test]
fn a_server_that_breaks_off_is_logged_as_the_reason() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    let stage = Stage::set(&[&origin], |_| ());
    assert!(!stage.proxy.get("/").complete);
    let line = stage.object();
    assert_eq!(line["reason"], "upstream_reset");
    assert_eq!(line["DownstreamContentSize"], 4);
}

#[test]
fn a_file_that_was_moved_away_is_opened_anew() {
    let origin = Origin::named("x");
    let stage = Stage::set(&[&origin], |_| ());
    stage.proxy.get("/one");
    stage.lines(1);
    let moved = stage.folder.path().join("moved");
    std::fs::rename(stage.path(), &moved).unwrap();
    stage.proxy.running.reopen_access_log();
    stage.proxy.get("/two");
    assert_eq!(stage.object()["RequestPath"], "/two");
    assert_eq!(std::fs::read_to_string(moved).unwrap().lines().count(), 1);
}

#[test]
fn routers_and_entry_points_switch_their_lines() {
    let origin = Origin::named("x");
    let stage = Stage::set(&[&origin], |_| ());
    let switch = |of_router: Option<bool>, of_entry_point: Option<bool>| {
        let said = |access_logs: Option<bool>| {
            access_logs.map(|_| proto::Observability {
                access_logs,
                ..Default::default()
            })
        };
        stage.put(
            &[&origin],
            |_| (),
            |spec| match spec {
                proto::resource::Spec::Router(it) => it.observability = said(of_router),
                proto::resource::Spec::EntryPoint(it) => it.observability = said(of_entry_point),
                _ => {}
            },
        );
    };
    for (of_router, of_entry_point, path) in [
        (None, None, "/logged-1"),
        (Some(false), None, "/not"),
        (Some(false), Some(true), "/not"),
        (None, Some(false), "/not"),
        (Some(true), Some(false), "/logged-2"),
    ] {
        switch(of_router, of_entry_point);
        stage.proxy.get(path);
    }
    // What has no router is the entry point's.
    switch(Some(true), Some(false));
    stage.proxy.ask("GET /not HTTP/1.1\r\nHost: other\r\n\r\n");
    switch(Some(false), None);
    stage
        .proxy
        .ask("GET /logged-3 HTTP/1.1\r\nHost: other\r\n\r\n");
    let paths: Vec<_> = stage
        .objects(3)
        .iter()
        .map(|it| it["RequestPath"].clone())
        .collect();
    assert_eq!(paths, ["/logged-1", "/logged-2", "/logged-3"]);
}

#[test]
fn requests_get_an_id_where_that_is_asked_for() {
    let origin = Origin::named("x");
    let stage = Stage::set(&[&origin], |log| log.request_id = true);
    let ask = |lines: &str| {
        stage
            .proxy
            .ask(&format!("GET / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n"));
        origin.request().header("x-request-id").unwrap().to_owned()
    };
    let sent = [
        ask(""),
        ask("X-Request-Id: given-1\r\n"),
        ask("X-Request-Id: not usable\r\n"),
        ask(&format!("X-Request-Id: {}\r\n", "a".repeat(129))),
    ];
    assert_eq!(sent[1], "given-1");
    for made in [&sent[0], &sent[2], &sent[3]] {
        assert!(
            made.len() == 32 && made.bytes().all(|it| it.is_ascii_hexdigit()),
            "{made}"
        );
    }
    let logged: Vec<_> = stage
        .objects(4)
        .iter()
        .map(|it| it["request_id"].clone())
        .collect();
    assert_eq!(logged, sent);
}

#[test]
fn lines_are_gathered_and_none_is_lost_at_the_end() {
    const REQUESTS: usize = 50;
    let origin = Origin::named("x");
    let stage = Stage::set(&[&origin], |log| log.buffering_size = 10_000);
    for _ in 0..REQUESTS {
        stage.proxy.get("/");
    }
    let Stage { proxy, folder } = stage;
    let Proxy {
        running, _status, ..
    } = proxy;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(running.stop());
    let text = std::fs::read_to_string(folder.path().join("made/access.log")).unwrap();
    assert_eq!(text.lines().count(), REQUESTS);
}

#[test]
fn what_cannot_be_opened_is_said_and_harms_no_request() {
    let origin = Origin::named("x");
    let stage = Stage::set(&[&origin], |_| ());
    let control = &stage.proxy.running.process.access_log;
    let wrong = crate::access_log::Destination::File("/proc/not/there".into());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let error = runtime.block_on(control.open(&wrong)).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot write to /proc/not/there: "),
        "{error}"
    );
    stage.put(
        &[&origin],
        |log| log.file_path = "/proc/not/there".to_owned(),
        |_| (),
    );
    assert_eq!(stage.proxy.get("/").status(), 200);
    let begun = Instant::now();
    while control.dropped_lines() == 0 {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::park_timeout(Duration::from_millis(5));
    }
    assert_eq!(control.dropped_lines(), 1);
}

#[test]
fn a_sink_that_takes_nothing_costs_lines_and_no_request() {
    let origin = Origin::named("x");
    let stage = Stage::set(&[&origin], |_| ());
    let pipe = stage.folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    // Somebody has it open and does not read.
    let opened = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&pipe)
        .unwrap();
    stage.put(
        &[&origin],
        |log| {
            log.file_path = pipe.display().to_string();
            log.headers = selection(proto::FieldMode::Keep, &[]);
        },
        |_| (),
    );
    let padding = "x".repeat(30_000);
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Padding: {padding}\r\n\r\n");
    let mut wire = stage.proxy.connect();
    let control = &stage.proxy.running.process.access_log;
    let mut requests = 0;
    while control.dropped_lines() == 0 {
        wire.send(&request);
        assert_eq!(wire.read_message().unwrap().status(), 200);
        requests += 1;
        assert!(requests < 2_000, "nothing is dropped");
    }
    drop(opened);
}
