//! Servers that fail, each in its own way.

use std::time::Duration;

use super::*;

#[test]
fn a_server_that_refuses_is_passed_over_before_any_byte_is_sent() {
    let origin = Origin::named("alive");
    let proxy = Proxy::start(Site::at(vec![
        closed_address(),
        origin.address,
        closed_address(),
    ]));
    for _ in 0..6 {
        let answer = proxy.ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!((answer.status(), answer.body.as_str()), (200, "alive"));
    }
    assert!(
        origin
            .requests()
            .iter()
            .all(|request| request.body == "hello")
    );
}

#[test]
fn when_every_server_refuses_the_answer_is_502() {
    let proxy = Proxy::start(Site::at(vec![closed_address(), closed_address()]));
    let answer = proxy.get("/");
    assert_eq!(
        (answer.status(), answer.body.as_str()),
        (502, "Bad Gateway")
    );
    assert!(answer.header("content-type").is_none());
}

#[test]
fn a_service_without_servers_is_503() {
    let proxy = Proxy::start(Site::at(Vec::new()));
    let answer = proxy.get("/");
    assert_eq!(
        (answer.status(), answer.body.as_str()),
        (503, "no available server\n")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn a_server_that_does_not_answer_in_time_is_504() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head();
        wire.is_closed();
    });
    let site = Site {
        response_header_timeout_ms: 100,
        ..Site::of(&[&origin])
    };
    let answer = Proxy::start(site).get("/");
    assert_eq!(
        (answer.status(), answer.body.as_str()),
        (504, "Gateway Timeout")
    );
}

#[test]
fn a_pooled_connection_that_was_closed_meanwhile_is_replaced() {
    let (tell, told) = seen();
    let origin = Origin::scripted(move |_, mut wire| {
        if let Some(request) = wire.read_message() {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            tell.send(request.body).unwrap();
        }
    });
    let config = Config {
        workers: 1,
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, Site::of(&[&origin]));
    for number in 0..20 {
        let answer = proxy.ask(&format!(
            "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\n{number:02}"
        ));
        assert_eq!(
            (answer.status(), answer.body.as_str()),
            (200, "ok"),
            "{number}"
        );
        // The origin closes at once; wait until the proxy can know.
        told.recv().unwrap();
        told.recv_timeout(Duration::from_millis(20)).unwrap_err();
    }
}

#[test]
fn a_get_whose_connection_ends_unanswered_is_sent_once_more_elsewhere() {
    let dying = Origin::scripted(|_, mut wire| {
        wire.read_head();
    });
    let origin = Origin::named("alive");
    let proxy = Proxy::start(Site::of(&[&dying, &origin]));
    for _ in 0..4 {
        assert_eq!(proxy.get("/").body, "alive");
    }
    assert_eq!(origin.requests().len(), 4);
}

#[test]
fn a_post_whose_connection_ends_unanswered_is_502_and_never_sent_twice() {
    let (tell, told) = seen();
    let dying = Origin::scripted(move |_, mut wire| {
        tell.send(wire.read_message().unwrap().body).unwrap();
    });
    let proxy = Proxy::start(Site::of(&[&dying]));
    let answer = proxy.ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(
        (answer.status(), answer.body.as_str()),
        (502, "Bad Gateway")
    );
    assert_eq!(told.try_iter().count(), 1);
}

#[test]
fn what_is_not_http_is_502() {
    for nonsense in [
        "hello, not http\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxxxx",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
    ] {
        let origin = Origin::scripted(move |_, mut wire| {
            wire.read_head();
            wire.send(nonsense);
            wire.is_closed();
        });
        let answer = Proxy::start(Site::of(&[&origin])).get("/");
        assert_eq!(
            (answer.status(), answer.body.as_str()),
            (502, "Bad Gateway"),
            "{nonsense}"
        );
    }
}

#[test]
fn a_response_that_breaks_off_is_never_a_clean_end() {
    for (what, start) in [
        (
            "length",
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
        ),
        (
            "chunked",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
        ),
    ] {
        let origin = Origin::scripted(move |_, mut wire| {
            wire.read_head();
            wire.send(start);
        });
        let proxy = Proxy::start(Site::of(&[&origin]));
        let mut wire = proxy.connect();
        wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let answer = wire.read_message().unwrap();
        assert!(!answer.complete, "{what}");
        assert!(wire.is_closed(), "{what}");
    }
}

#[test]
fn a_client_of_http_1_0_is_told_of_a_broken_body_by_a_reset() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head();
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    wire.read_to_end();
    assert!(wire.was_reset());
}

#[test]
fn bytes_behind_a_response_never_become_another_clients_answer() {
    let origin = Origin::scripted(|_, mut wire| {
        while wire.read_message().is_some() {
            let sent = wire.try_send(
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue\
                 HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse",
            );
            if sent.is_err() {
                return;
            }
        }
    });
    let config = Config {
        workers: 1,
        ..Config::default()
    };
    let proxy = Proxy::start_with(config, Site::of(&[&origin]));
    for _ in 0..10 {
        assert_eq!(proxy.get("/").body, "true");
    }
}

#[test]
fn a_client_that_breaks_off_its_body_makes_no_complete_request() {
    let (tell, told) = seen();
    let origin = Origin::scripted(move |_, mut wire| {
        if wire.read_head().is_some() {
            tell.send(true).unwrap();
            tell.send(wire.read_to_end().ends_with("0\r\n\r\n"))
                .unwrap();
        }
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send(
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    );
    assert!(told.recv_timeout(Duration::from_secs(5)).unwrap());
    drop(wire);
    assert!(!told.recv_timeout(Duration::from_secs(5)).unwrap());
}

#[test]
fn an_early_answer_is_passed_on_and_the_connection_closed() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head();
        wire.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
        wire.is_closed();
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\nstart");
    let answer = wire.read_message().unwrap();
    assert_eq!((answer.status(), answer.body.as_str()), (413, "big"));
    assert_eq!(answer.header("connection"), Some("close"));
}
