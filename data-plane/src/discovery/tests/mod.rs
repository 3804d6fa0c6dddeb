//! The proxy's end against a scripted control plane on a real socket.

mod harness;
mod model;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fairway_proto::discovery::v1::server_message::Message as Said;
use fairway_proto::discovery::v1::{
    Question, Rejection, RejectionKind, RequestHead, ResourceKind, Router, Share, Update,
};
use tokio::net::TcpListener;
use tokio::time::timeout;

use self::harness::*;
use crate::routing::fixture::*;

#[tokio::test]
async fn the_first_update_makes_a_proxy_ready_and_it_stays_so() {
    let mut control_plane = ControlPlane::start().await;
    let mut proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    assert_eq!(stream.hello.node.as_ref().unwrap().id, "n1");
    assert_eq!(stream.hello.held_version, "");
    assert!(!proxy.status.borrow().ever_applied);

    let ack = stream.exchange(snapshot("v1", base())).await;
    assert_eq!(ack.rejections, []);
    assert_eq!(
        ack.listeners,
        BTreeMap::from([("web".to_owned(), "127.0.0.1:80".to_owned())])
    );
    assert!(proxy.serves("one.test"));
    proxy
        .wait_for(|status| status.ever_applied && status.connected && status.version == "v1")
        .await;

    drop(stream);
    proxy.wait_for(|status| !status.connected).await;
    let status = proxy.status.borrow().clone();
    assert!(status.ever_applied);
    assert_eq!(status.version, "v1");
    assert!(proxy.serves("one.test"));
}

#[tokio::test]
async fn an_update_is_acknowledged_only_when_it_is_in_service() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let closed = proxy.doorman.gate.acquire().await.unwrap();
    stream.send(snapshot("v1", base())).await;
    let early = timeout(Duration::from_millis(200), stream.next()).await;
    assert!(early.is_err(), "acknowledged before the listeners are open");
    assert!(proxy.serves("one.test"));
    assert!(!proxy.status.borrow().ever_applied);
    drop(closed);
    stream.ack().await;
}

#[tokio::test]
async fn after_a_reconnect_an_empty_delta_keeps_the_very_table() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let bad = strip_prefix_regex("bad@docker", "(");
    let first = stream
        .exchange(snapshot("v1", base().into_iter().chain([bad])))
        .await;
    assert_eq!(first.rejections.len(), 1);
    let before = proxy.table.load_full();

    drop(stream);
    let mut stream = control_plane.accept().await;
    assert_eq!(stream.hello.held_version, "v1");
    let second = stream.exchange(delta("v1", [], [])).await;
    assert!(Arc::ptr_eq(&before, &proxy.table.load_full()));
    assert_eq!(
        (second.rejections, second.listeners),
        (first.rejections, first.listeners)
    );

    stream.exchange(delta("v2", [router_for("two")], [])).await;
    assert!(proxy.serves("one.test") && proxy.serves("two.test"));
}

#[tokio::test]
async fn what_was_removed_while_disconnected_is_gone_after_the_snapshot() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let two = base().into_iter().chain([router_for("two")]);
    stream.exchange(snapshot("v1", two)).await;
    drop(stream);
    let mut stream = control_plane.accept().await;
    assert!(proxy.serves("two.test"));
    stream.exchange(snapshot("v2", base())).await;
    assert!(proxy.serves("one.test") && !proxy.serves("two.test"));
}

#[tokio::test]
async fn a_smaller_share_counts_at_once_and_a_larger_one_after_a_while() {
    let mut control_plane = ControlPlane::start().await;
    let mut proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let share = |place, proxies| Some(Said::Share(Share { proxies, place }));
    let in_force = |proxy: &Proxy| {
        let part = proxy.table.load().share().part();
        (part.place, part.proxies)
    };
    stream.say(share(2, 4)).await;
    stream.exchange(snapshot("v1", base())).await;
    assert_eq!(in_force(&proxy), (2, 4), "from the first table on");
    stream.say(share(0, 2)).await;
    stream.exchange(delta("v2", [router_for("two")], [])).await;
    assert_eq!(in_force(&proxy), (2, 4), "the others may come back");
    stream.say(share(4, 5)).await;
    stream.exchange(delta("v3", [], [])).await;
    assert_eq!(in_force(&proxy), (4, 5));

    // A control plane that knows of no other proxy yet.
    drop(stream);
    proxy.wait_for(|status| !status.connected).await;
    let mut stream = control_plane.accept().await;
    stream.exchange(delta("v3", [], [])).await;
    assert_eq!(in_force(&proxy), (4, 5));
    stream.say(share(0, 3)).await;
    stream.exchange(delta("v3", [], [])).await;
    assert_eq!(in_force(&proxy), (4, 5));
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert_eq!(in_force(&proxy), (0, 3));
}

#[tokio::test]
async fn fixing_a_middleware_revives_its_routers() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let broken = [
        router_with_middleware("two", "m@docker"),
        strip_prefix_regex("m@docker", "("),
    ];
    let ack = stream
        .exchange(snapshot("v1", base().into_iter().chain(broken)))
        .await;
    let kinds: Vec<_> = ack.rejections.iter().map(Rejection::kind).collect();
    assert_eq!(kinds, [RejectionKind::Dependency, RejectionKind::Invalid]);
    assert!(proxy.serves("one.test") && !proxy.serves("two.test"));

    let ack = stream
        .exchange(delta("v2", [router_for("three")], []))
        .await;
    assert_eq!(
        ack.rejections.len(),
        2,
        "rejections of the whole set, not of the update"
    );

    let ack = stream
        .exchange(delta("v3", [strip_prefix_regex("m@docker", "/x")], []))
        .await;
    assert_eq!(ack.rejections, []);
    assert!(proxy.serves("two.test"));
}

#[tokio::test]
async fn an_entry_point_that_cannot_be_bound_is_a_rejection() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    proxy.doorman.refuses.store(true, Ordering::Relaxed);
    let mut stream = control_plane.accept().await;
    let ack = stream.exchange(snapshot("v1", base())).await;
    assert_eq!(ack.listeners, BTreeMap::new());
    let [rejection] = ack.rejections.as_slice() else {
        panic!("{:?}", ack.rejections)
    };
    assert_eq!(rejection.id, Some(id(ResourceKind::EntryPoint, "web")));
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
    assert_eq!(rejection.reason, "the port is taken");

    proxy.doorman.refuses.store(false, Ordering::Relaxed);
    let ack = stream.exchange(delta("v1", [], [])).await;
    assert_eq!(
        ack.rejections,
        [],
        "tried again with the next update, even an empty one"
    );
}

#[tokio::test]
async fn an_update_that_makes_no_sense_ends_the_stream_and_changes_nothing() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    stream.send(delta("v1", base(), [])).await;
    stream.is_left().await;
    assert_eq!(proxy.table.load().version(), "");

    let mut stream = control_plane.accept().await;
    stream.exchange(snapshot("v1", base())).await;
    stream
        .send(Update {
            mode: 7,
            ..snapshot("v2", [])
        })
        .await;
    stream.is_left().await;
    assert!(proxy.serves("one.test"));
    assert_eq!(control_plane.accept().await.hello.held_version, "v1");
}

#[tokio::test]
async fn an_empty_snapshot_empties_the_table() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    stream.exchange(snapshot("v1", base())).await;
    stream.exchange(snapshot("v2", [])).await;
    assert_eq!(proxy.table.load().entry_points().count(), 0);
}

#[tokio::test]
async fn another_control_plane_is_used_when_one_is_away() {
    let away = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[away, control_plane.address]);
    control_plane
        .accept()
        .await
        .exchange(snapshot("v1", base()))
        .await;
    assert!(proxy.serves("one.test"));
}

#[tokio::test]
async fn a_snapshot_larger_than_the_default_limit_arrives() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let rule = "x".repeat(6 * 1024 * 1024);
    let big = Router {
        rule,
        ..router("big@docker", host("big.test"), "s@docker")
    };
    let big = router_resource("big@docker", big);
    stream
        .exchange(snapshot("v1", base().into_iter().chain([big])))
        .await;
    assert!(proxy.serves("big.test"));
}

#[tokio::test]
async fn a_question_is_answered_from_the_table_in_force_and_changes_nothing() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let question = |id, host: &str| Question {
        id,
        request: Some(RequestHead {
            host: host.to_owned(),
            port: 80,
            ..RequestHead::default()
        }),
    };
    let before = stream.ask(question(6, "one.test")).await;
    assert_eq!((before.id, before.reason.as_str()), (6, "no_entry_point"));
    assert_eq!(
        before.detail,
        "no entry point listens on port 80; this proxy has no entry points"
    );
    stream.exchange(snapshot("1", base())).await;
    let told = stream.ask(question(7, "one.test")).await;
    assert_eq!((told.id, told.version.as_str()), (7, "1"));
    assert_eq!(
        (told.entry_point.as_str(), told.router.as_str()),
        ("web", "one@docker")
    );
    assert_eq!((told.status, told.servers.len()), (0, 1));
    let told = stream.ask(question(8, "two.test")).await;
    assert_eq!((told.status, told.reason.as_str()), (404, "no_route"));
    assert!(proxy.serves("one.test"), "still served");
    stream.exchange(delta("2", [router_for("two")], [])).await;
    assert_eq!(
        stream.ask(question(9, "two.test")).await.router,
        "two@docker"
    );
}

#[tokio::test]
async fn what_is_not_known_is_passed_over() {
    let mut control_plane = ControlPlane::start().await;
    let _proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    stream.say(None).await;
    stream.exchange(snapshot("1", base())).await;
}
