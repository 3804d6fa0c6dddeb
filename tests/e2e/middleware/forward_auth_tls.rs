//! `forwardAuth.tls`: whom the proxies trust when they ask, and who they say they are.

use fairway_tests::backend::Backend;
use fairway_tests::loopback::free_address;
use fairway_tests::raw_client;
use fairway_tests::tls::{Authority, TlsFront, TlsOptions};
use fairway_tests::world::{Setting, World};

use super::{Options, ask, serve};

const CA: &str = "forwardauth.tls.ca";
const CERT: &str = "forwardauth.tls.cert";
const KEY: &str = "forwardauth.tls.key";
const INSECURE: &str = "forwardauth.tls.insecureskipverify";

/// PEM in files, and a world whose labels may name them.
struct Stage {
    folder: tempfile::TempDir,
    world: World,
}

impl Stage {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        let flag = format!("--providers.docker.labelFiles={}", real.display());
        let world = Setting::new().flag(&flag).start().await;
        Self { folder, world }
    }

    fn path(&self, name: &str) -> String {
        let real = self.folder.path().canonicalize().unwrap();
        real.join(name).display().to_string()
    }

    fn pem(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The status of a request to a container whose router asks there.
    async fn status(&self, name: &str, front: &TlsFront, options: Options<'_>) -> u16 {
        let address = format!("https://{}/verify", front.address());
        let mut all = vec![("forwardauth.address", address.as_str())];
        all.extend(options);
        serve(&self.world, name, &all).await;
        ask(&self.world, name, "GET /", "").await.status()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_that_is_asked_is_spoken_to_over_tls_as_the_labels_say() {
    let stage = Stage::start().await;
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let ca = authority.pem();
    let ours = stage.pem("ours.pem", &ca);
    let theirs = stage.pem("theirs.pem", &stranger.pem());
    let mine = authority.certify(&["proxy.test"]);
    let cert = stage.pem("proxy.pem", &mine.cert);
    let key = stage.pem("proxy.key", &mine.key);

    let asked = Backend::start_anywhere("authority").await;
    let address = free_address();
    let options = TlsOptions::new(authority.certify(&[&address.ip().to_string()]));
    let open = TlsFront::start(address, options, asked.address()).await;
    let address = free_address();
    let options = TlsOptions::new(authority.certify(&[&address.ip().to_string()]));
    let options = options.clients_of(authority.pem()).tls12();
    let asking = TlsFront::start(address, options, asked.address()).await;

    #[rustfmt::skip]
    let rows: [(&str, &TlsFront, Options<'_>, u16); 8] = [
        ("file", &open, &[(CA, &ours)], 200),
        ("inline", &open, &[(CA, &ca)], 200),
        ("system", &open, &[], 500),
        ("stranger", &open, &[(CA, &theirs)], 500),
        ("anybody", &open, &[(INSECURE, "true")], 200),
        ("shown", &asking, &[(CA, &ours), (CERT, &cert), (KEY, &key)], 200),
        ("inline-key", &asking, &[(CA, &ours), (CERT, &mine.cert), (KEY, &mine.key)], 200),
        ("unshown", &asking, &[(CA, &ours)], 500),
    ];
    for (name, front, options, expected) in rows {
        let before = asked.requests();
        let status = stage.status(name, front, options).await;
        assert_eq!(status, expected, "{name}");
        let was_asked = asked.requests() > before;
        assert_eq!(was_asked, expected == 200, "{name}");
    }

    let world = &stage.world;
    let config = format!("{:?}", world.config().await.resources);
    let path = "/api/http/middlewares";
    let reply = raw_client::get(world.api_address(), "api", path).await;
    for shown in [config, reply.unwrap().text()] {
        assert!(shown.contains("[redacted]"), "{shown}");
        assert!(!shown.contains("PRIVATE KEY"), "a key is shown");
    }
    assert_eq!(world.diagnostics().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_router_is_not_served_if_the_tls_of_its_middleware_cannot_be_had() {
    let stage = Stage::start().await;
    let authority = Authority::new("ours");
    let asked = Backend::start_anywhere("authority").await;
    let options = TlsOptions::new(authority.certify(&["auth.test"]));
    let front = TlsFront::start_anywhere(options, asked.address()).await;
    let nowhere = stage.path("nowhere.pem");
    let mine = authority.certify(&["proxy.test"]);
    let other = authority.certify(&["proxy.test"]);
    #[rustfmt::skip]
    let rows: [(&str, Options<'_>, &str); 4] = [
        ("nowhere", &[(CA, &nowhere)], "cannot be used: No such file"),
        ("outside", &[(CA, "/proc/self/environ")], "labels may only name files below"),
        ("half", &[(CERT, &mine.cert)], "tls.cert and tls.key go together"),
        ("mixed", &[(CERT, &mine.cert), (KEY, &other.key)], "do not go together"),
    ];
    for (name, options, message) in rows {
        assert_eq!(stage.status(name, &front, options).await, 404, "{name}");
        let about = |it: &fairway_proto::inspection::v1::Diagnostic| {
            let object = it.object.clone().unwrap_or_default();
            object.name == format!("m-{name}@docker") && it.message.contains(message)
        };
        stage.world.wait_diagnostic(message, about).await;
    }
    assert_eq!(asked.requests(), 0);
}
