//! From the flag to the address that a backend sees.

use fairway_tests::raw_client::RawClient;
use fairway_tests::world::Setting;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: web.test\r\n\r\n";
const HEADER: &str = "PROXY TCP4 203.0.113.7 127.0.0.1 56324 80\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_flag_says_whose_proxy_header_is_read() {
    let world = Setting::new()
        .flag("--entrypoints.http.proxyprotocol.trustedips=127.0.0.11,10.0.0.0/8")
        .start()
        .await;
    world.run_site(1).await;
    let before = world.requests("web-1");
    let believed = "127.0.0.11".parse().unwrap();
    let mut client = RawClient::connect_from(believed, world.http())
        .await
        .unwrap();
    let reply = client.exchange(format!("{HEADER}{REQUEST}")).await.unwrap();
    let seen = reply.seen();
    assert_eq!(seen.header("x-forwarded-for"), Some("203.0.113.7"));
    assert_eq!(seen.header("x-real-ip"), Some("203.0.113.7"));

    let other = "127.0.0.12".parse().unwrap();
    let mut client = RawClient::connect_from(other, world.http()).await.unwrap();
    assert!(client.exchange(format!("{HEADER}{REQUEST}")).await.is_err());
    let mut client = RawClient::connect_from(other, world.http()).await.unwrap();
    let seen = client.exchange(REQUEST).await.unwrap().seen();
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.12"));
    assert_eq!(world.requests("web-1"), before + 2);
}
