//! `inFlightReq`, from the label to the bytes on the wire.

use std::time::Duration;

use fairway_tests::backend::Mode;
use fairway_tests::raw_client::RawClient;
use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, World};

use super::{ask, serve};

/// Sends a request and leaves it under way.
async fn begin(world: &World, proxy: usize, host: &str, headers: &str) -> RawClient {
    let mut client = RawClient::connect(world.http_of(proxy)).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
    client.send(request).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_the_amount_are_under_way_for_one_host() {
    let world = World::start().await;
    serve(&world, "two", &[("inflightreq.amount", "2")]).await;
    // They last until their answers have ended, not only begun.
    world.mode("two", Mode::Events(1000, Duration::from_millis(20)));
    let mut first = begin(&world, 0, "two.test", "").await;
    let mut second = begin(&world, 0, "two.test", "").await;
    for client in [&mut first, &mut second] {
        assert_eq!(client.read_head().await.unwrap().status, 200);
    }
    let reply = ask(&world, "two", "GET /", "").await;
    let answer = (reply.status(), reply.text());
    assert_eq!(answer, (429, "max connections reached: 2".to_owned()));
    // Behind no limit, and of another router.
    let mut open = begin(&world, 0, "open.two.test", "").await;
    assert_eq!(open.read_head().await.unwrap().status, 200);
    drop(first);
    world.mode("two", Mode::Normal);
    wait_for("room again", || async {
        (ask(&world, "two", "GET /", "").await.status() == 200).then_some(())
    })
    .await;
    // Answers that have ended make room by themselves.
    for _ in 0..5 {
        assert_eq!(ask(&world, "two", "GET /", "").await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tunnel_is_under_way_until_it_closes() {
    let world = World::start().await;
    serve(&world, "tunnel", &[("inflightreq.amount", "1")]).await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let mut tunnel = begin(&world, 0, "tunnel.test", upgrade).await;
    assert_eq!(tunnel.read_head().await.unwrap().status, 101);
    assert_eq!(ask(&world, "tunnel", "GET /", "").await.status(), 429);
    drop(tunnel);
    wait_for("room again", || async {
        (ask(&world, "tunnel", "GET /", "").await.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_are_counted_as_the_criterion_says() {
    let trusting = "--entrypoints.http.forwardedheaders.insecure=true";
    let world = Setting::new().flag(trusting).start().await;
    let amount = ("inflightreq.amount", "1");
    let of = |option: &str| format!("inflightreq.sourcecriterion.{option}");
    let cases = [
        ("by-host", "requesthost", "true"),
        ("by-header", "requestheadername", "X-Key"),
        ("by-peer", "ipstrategy", "true"),
        ("by-depth", "ipstrategy.depth", "1"),
    ];
    for (name, option, value) in cases {
        serve(&world, name, &[amount, (&of(option), value)]).await;
        world.mode(name, Mode::Events(1000, Duration::from_millis(20)));
    }
    let a = "X-Key: a\r\nX-Forwarded-For: 10.0.0.1\r\n";
    let b = "X-Key: b\r\nX-Forwarded-For: 10.0.0.2\r\n";
    for (name, other) in [
        ("by-host", 429),
        ("by-header", 200),
        ("by-peer", 429),
        ("by-depth", 200),
    ] {
        let host = format!("{name}.test");
        let mut status = Vec::new();
        let mut clients = Vec::new();
        for headers in [a, a, b] {
            let mut client = begin(&world, 0, &host, headers).await;
            status.push(client.read_head().await.unwrap().status);
            clients.push(client);
        }
        assert_eq!(status, [200, 429, other], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_share_the_amount() {
    let mut world = World::start().await;
    serve(&world, "many", &[("inflightreq.amount", "10")]).await;
    world.mode("many", Mode::Events(10_000, Duration::from_millis(50)));
    for (proxies, expected) in [(1, vec![10]), (2, vec![5, 5]), (4, vec![2, 2, 3, 3])] {
        while world.proxies() < proxies {
            world.add_proxy().await;
        }
        let counted = wait_for("the shares", || async {
            let mut clients = Vec::new();
            let mut counts = Vec::new();
            for proxy in 0..proxies {
                let mut count = 0;
                for _ in 0..12 {
                    let mut client = begin(&world, proxy, "many.test", "").await;
                    count += usize::from(client.read_head().await.unwrap().status == 200);
                    clients.push(client);
                }
                counts.push(count);
            }
            counts.sort_unstable();
            // Those of the last look may still be ending.
            (counts == expected).then_some(counts)
        });
        println!("{proxies}: {:?}", counted.await);
    }
}
