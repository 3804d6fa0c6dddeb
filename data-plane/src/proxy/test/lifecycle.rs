//! Configuration changes, slow clients, drain, the admin server.

use std::time::{Duration, Instant};

use super::*;
use crate::config::{Drain, Timeouts};

fn short_drain() -> Drain {
    Drain {
        accept: Duration::from_millis(200),
        idle: Duration::from_millis(2000),
        timeout: Duration::from_secs(8),
    }
}

fn stop(running: Running) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(running.stop());
}

#[test]
fn a_new_configuration_takes_effect_on_open_connections() {
    let (old, new) = (Origin::named("old"), Origin::named("new"));
    let proxy = Proxy::start(Site::of(&[&old]));
    let mut wire = proxy.connect();
    for (site, expected) in [(None, "old"), (Some(Site::of(&[&new])), "new")] {
        if let Some(site) = site {
            apply(&proxy.running, site);
        }
        wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_eq!(wire.read_message().unwrap().body, expected);
    }
}

#[test]
fn a_ping_tells_that_the_proxy_is_leaving() {
    let config = Config {
        drain: short_drain(),
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, Site::at(Vec::new()));
    let mut resources = resources(Site::at(Vec::new()));
    for resource in &mut resources {
        if let Some(proto::resource::Spec::Service(service)) = &mut resource.spec {
            service.internal = proto::Internal::Ping.into();
        }
    }
    put_in_force(&proxy.running, resources);
    let answer = proxy.get("/");
    assert_eq!((answer.status(), &*answer.body), (200, "OK"));
    proxy.running.begin_drain();
    // Each worker hears of it in its own time.
    let mut answers = std::iter::repeat_with(|| proxy.get("/"));
    let answer = answers.find(|answer| answer.status() != 200).unwrap();
    assert_eq!(
        (answer.status(), &*answer.body, answer.header("connection")),
        (503, "Service Unavailable", Some("close"))
    );
    let own = crate::proxy::Own {
        bound: &std::collections::BTreeMap::from([("web".to_owned(), "127.0.0.1:80".to_owned())]),
        server: &http::HeaderValue::from_static("h"),
        draining: true,
    };
    let request = proto::RequestHead {
        host: "a.test".to_owned(),
        port: 80,
        ..proto::RequestHead::default()
    };
    let table = proxy.running.process.table.load();
    let told = crate::proxy::explain(&table, own, &request).now_or_never();
    let told = told.expect("nothing here waits");
    assert_eq!((told.status, told.reason.as_str()), (503, "ping_draining"));
}

#[test]
fn draining_loses_no_request() {
    let origin = Origin::scripted(|_, mut wire| {
        while let Some(request) = wire.read_message() {
            if request.line().contains("/slow") {
                wire.is_silent(Duration::from_millis(1500));
            }
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let config = Config {
        workers: 2,
        drain: short_drain(),
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, Site::of(&[&origin]));
    assert!(proxy.running.ready());
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let mut keeper = proxy.connect();
    keeper.send(request);
    assert!(
        keeper
            .read_message()
            .unwrap()
            .header("connection")
            .is_none()
    );
    let mut idler = proxy.connect();
    idler.send(request);
    idler.read_message().unwrap();
    let mut slow = proxy.connect();
    slow.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
    slow.is_silent(Duration::from_millis(100));

    proxy.running.begin_drain();
    assert!(!proxy.running.ready());
    // Connections are still accepted, and told to close.
    slow.is_silent(Duration::from_millis(50));
    let answer = proxy.get("/");
    assert_eq!(
        (answer.status(), answer.header("connection")),
        (200, Some("close"))
    );
    // The listener closes; an idle connection still carries one request.
    slow.is_silent(Duration::from_millis(350));
    assert!(std::net::TcpStream::connect(proxy.address).is_err());
    keeper.send(request);
    let answer = keeper.read_message().unwrap();
    assert_eq!(
        (answer.status(), answer.header("connection")),
        (200, Some("close"))
    );
    assert!(keeper.is_closed());
    // What is in flight ends, and the rest is closed.
    assert_eq!(slow.read_message().unwrap().status(), 200);
    assert!(idler.is_closed());
    let begun = Instant::now();
    stop(proxy.running);
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_client_that_never_finishes_its_head_is_cut() {
    let timeouts = Timeouts {
        head: Duration::from_secs(1),
        ..Timeouts::default()
    };
    let config = Config {
        timeouts,
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, Site::at(Vec::new()));
    let (mut silent, mut slow) = (proxy.connect(), proxy.connect());
    slow.send("GET / HTTP/1.1\r\nHo");
    let begun = Instant::now();
    assert!(silent.is_closed());
    assert!(slow.is_closed());
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_body_that_stalls_is_cut() {
    let timeouts = Timeouts {
        body: Duration::from_secs(1),
        ..Timeouts::default()
    };
    let config = Config {
        timeouts,
        ..Config::default()
    };
    let origin = Origin::named("x");
    let proxy = Proxy::start_with(config, Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nstart");
    assert!(wire.is_closed());
}

#[test]
fn the_admin_server_says_ready_until_the_drain_begins() {
    let folder = std::env::temp_dir().join(format!("fairway-admin-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let socket = folder.join("admin.sock");
    let address = format!("unix:{}", socket.display());
    // A stale file of a process that was killed.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(crate::healthcheck(&address, Duration::from_secs(1)).is_err());
    let config = Config {
        admin_address: Some(address.clone()),
        workers: 1,
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, Site::at(Vec::new()));
    crate::healthcheck(&address, Duration::from_secs(1)).unwrap();
    proxy.running.begin_drain();
    let said = crate::healthcheck(&address, Duration::from_secs(1)).unwrap_err();
    assert_eq!(said.to_string(), "not ready: draining");
    drop(proxy);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn connections_to_a_server_that_left_are_closed_and_never_used_again() {
    let (tell, told) = seen();
    let old = Origin::scripted(move |_, mut wire| {
        while wire.read_message().is_some() {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold");
        }
        tell.send(()).unwrap();
    });
    let config = Config {
        workers: 1,
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, Site::of(&[&old]));
    assert_eq!(proxy.get("/").body, "old");
    // The same address, another container.
    let mut site = Site::of(&[&old]);
    site.servers[0].id = "restarted".to_owned();
    apply(&proxy.running, site);
    told.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(proxy.get("/").body, "old");
}

#[test]
fn changing_servers_under_load_fails_no_request() {
    const CLIENTS: usize = 4;
    const REQUESTS: usize = 300;
    let origins = [Origin::named("a"), Origin::named("b"), Origin::named("c")];
    let config = Config {
        workers: 2,
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, Site::of(&origins.each_ref()));
    let address = proxy.address;
    let client = move |number: usize| {
        let mut wire = Wire::connect(address);
        for request in 0..REQUESTS {
            let method = if (number + request).is_multiple_of(2) {
                "GET"
            } else {
                "POST"
            };
            wire.send(format!(
                "{method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi"
            ));
            assert_eq!(wire.read_message().unwrap().status(), 200);
        }
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| std::thread::spawn(move || client(number)))
        .collect();
    let mut round = 0;
    while clients.iter().any(|client| !client.is_finished()) {
        round += 1;
        let left_out = round % origins.len();
        let staying: Vec<&Origin> = origins
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != left_out)
            .map(|(_, origin)| origin)
            .collect();
        apply(&proxy.running, Site::of(&staying));
        std::thread::yield_now();
    }
    for client in clients {
        client.join().unwrap();
    }
    let served: usize = origins.iter().map(|origin| origin.requests().len()).sum();
    assert_eq!(served, CLIENTS * REQUESTS);
}
