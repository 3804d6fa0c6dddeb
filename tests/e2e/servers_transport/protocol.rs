//! Which version of HTTP is spoken to a server.

use fairway_tests::backend::Backend;
use fairway_tests::loopback::free_address;
use fairway_tests::raw_client::RawClient;
use fairway_tests::tls::{Authority, TlsFront, TlsOptions};

use super::{Folder, https, service};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_is_spoken_where_the_server_offers_it_unless_the_transport_forbids_it() {
    let folder = Folder::new();
    let authority = Authority::new("ours");
    let ours = folder.pem("ours.pem", &authority.pem());
    let one = Backend::start_anywhere("one").await;
    let two = Backend::start_http2("two", free_address()).await;
    let address = free_address();
    let ip = address.ip().to_string();
    let options = TlsOptions::new(authority.certify(&[&ip]));
    let both = TlsFront::start(address, options.http2(two.address()), one.address()).await;
    let address = free_address();
    let ip = address.ip().to_string();
    let options = TlsOptions::new(authority.certify(&[&ip]));
    let old = TlsFront::start(address, options, one.address()).await;

    let root = format!("rootCAs: ['{ours}']");
    let world = folder
        .world(&[
            service("both", &https(both.address()), &format!("{{{root}}}")),
            service(
                "never",
                &https(both.address()),
                &format!("{{{root}, disableHTTP2: true}}"),
            ),
            service("old", &https(old.address()), &format!("{{{root}}}")),
            service("prior", &format!("h2c://{}", two.address()), ""),
        ])
        .await;
    for (name, version, server) in [
        ("both", "HTTP/2.0", "two"),
        ("never", "HTTP/1.1", "one"),
        ("old", "HTTP/1.1", "one"),
        ("prior", "HTTP/2.0", "two"),
    ] {
        let seen = world.get(&format!("{name}.test"), "/x").await.seen();
        assert_eq!(
            (seen.version.as_str(), seen.name.as_str()),
            (version, server)
        );
    }
    // HTTP/2 has no words for what a client of HTTP/1.1 asks here.
    let mut client = RawClient::connect(world.http()).await.unwrap();
    client
        .send(
            "GET / HTTP/1.1\r\nHost: both.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await
        .unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 101);
    client.send("echo").await.unwrap();
    assert_eq!(client.read_exactly(4).await.unwrap(), b"echo");

    let protocols = |front: &TlsFront| -> Vec<String> {
        let seen = front.handshakes();
        seen.into_iter().map(|it| it.protocol).collect()
    };
    assert_eq!(protocols(&both), ["h2", "http/1.1", "http/1.1"]);
    assert_eq!(protocols(&old), ["http/1.1"]);
}
