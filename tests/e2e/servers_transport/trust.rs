//! Whom the proxies trust and who they say they are; and what becomes of a transport that
//! cannot be had.

use std::net::SocketAddr;

use fairway_proto::inspection::v1::{Diagnostic, Severity};
use fairway_tests::backend::Backend;
use fairway_tests::loopback::free_address;
use fairway_tests::tls::{Authority, Identity, TlsFront, TlsOptions};
use fairway_tests::wait::wait_for;
use fairway_tests::world::{World, routed};

use super::{Folder, https, service, status};

/// Names in the certificate of the server, beside its address.
const NAME: &str = "inside.test";
const URI: &str = "spiffe://inside/server";

async fn front(address: SocketAddr, identity: Identity, server: &Backend) -> TlsFront {
    TlsFront::start(address, TlsOptions::new(identity), server.address()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_believed_who_it_is_as_its_transport_says_and_never_otherwise() {
    let folder = Folder::new();
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let ours = folder.pem("ours.pem", &authority.pem());
    let theirs = folder.pem("theirs.pem", &stranger.pem());
    let inline = serde_json::to_string(&authority.pem()).unwrap();

    let backend = Backend::start_anywhere("server").await;
    let [good, expired, own] = [(); 3].map(|()| free_address());
    let ip = good.ip().to_string();
    let names = [ip.as_str(), NAME, URI];
    let good = front(good, authority.certify(&names), &backend).await;
    let expired_ip = expired.ip().to_string();
    let expired = front(expired, authority.certify_expired(&[&expired_ip]), &backend).await;
    let own_ip = own.ip().to_string();
    let identity = Identity::self_signed(&[&own_ip]);
    let alone = folder.pem("alone.pem", &identity.cert);
    let own = front(own, identity, &backend).await;

    let url = https(good.address());
    let root = |more: &str| format!("{{rootCAs: ['{ours}'] {more}}}");
    #[rustfmt::skip]
    let rows = [
        ("trusted", &good, root(""), 200),
        ("inline", &good, format!("{{rootCAs: [{inline}]}}"), 200),
        ("one-of-two", &good, format!("{{rootCAs: ['{theirs}', '{ours}']}}"), 200),
        ("system", &good, "{}".to_owned(), 502),
        ("default", &good, String::new(), 502),
        ("stranger", &good, format!("{{rootCAs: ['{theirs}']}}"), 502),
        ("named", &good, root(", serverName: inside.test"), 200),
        ("misnamed", &good, root(", serverName: outside.test"), 502),
        ("anybody", &good, "{insecureSkipVerify: true}".to_owned(), 200),
        ("identified", &good, root(&format!(", peerCertURI: '{URI}'")), 200),
        ("impostor", &good, root(", peerCertURI: 'spiffe://inside/other'"), 502),
        ("unsigned", &good, format!("{{insecureSkipVerify: true, peerCertURI: '{URI}'}}"), 502),
        ("suite", &good, root(", maxVersion: VersionTLS12, cipherSuites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]"), 200),
        ("other-suite", &good, root(", maxVersion: VersionTLS12, cipherSuites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]"), 502),
        ("expired", &expired, root(""), 502),
        ("expired-anybody", &expired, "{insecureSkipVerify: true}".to_owned(), 200),
        ("alone", &own, format!("{{rootCAs: ['{alone}']}}"), 200),
        ("alone-misnamed", &own, format!("{{rootCAs: ['{alone}'], serverName: inside.test}}"), 502),
        ("alone-unknown", &own, root(""), 502),
    ];
    let services: Vec<_> = rows
        .iter()
        .map(|(name, front, transport, _)| service(name, &https(front.address()), transport))
        .collect();
    let world = folder.world(&services).await;
    assert_eq!(world.diagnostics().await, []);
    for (name, _, _, expected) in &rows {
        let before = backend.requests();
        let reply = world.get(&format!("{name}.test"), "/").await;
        assert_eq!(reply.status(), *expected, "{name}");
        if *expected == 502 {
            assert_eq!(reply.text(), "Bad Gateway", "{name}");
            assert_eq!(backend.requests(), before, "{name}: it was not trusted");
        }
    }
    let names = good.handshakes().into_iter().map(|it| it.server_name);
    let told: Vec<_> = names.flatten().collect();
    assert_eq!(told, [NAME], "only a name is told, and only to be sure");
    assert!(url.starts_with("https://127."), "{url}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_is_shown_the_certificate_of_the_transport() {
    let folder = Folder::new();
    let authority = Authority::new("ours");
    let ours = folder.pem("ours.pem", &authority.pem());
    let pair = |name: &str, identity: &Identity| {
        let cert = folder.pem(&format!("{name}.pem"), &identity.cert);
        let key = folder.pem(&format!("{name}.key"), &identity.key);
        format!("{{certFile: '{cert}', keyFile: '{key}'}}")
    };
    let known = pair("known", &authority.certify(&["proxy.test"]));
    let unknown = pair(
        "unknown",
        &Authority::new("theirs").certify(&["proxy.test"]),
    );

    let backend = Backend::start_anywhere("server").await;
    let mut fronts = Vec::new();
    for tls12 in [true, false] {
        let address = free_address();
        let ip = address.ip().to_string();
        let options = TlsOptions::new(authority.certify(&[&ip])).clients_of(authority.pem());
        let options = if tls12 { options.tls12() } else { options };
        fronts.push(TlsFront::start(address, options, backend.address()).await);
    }
    let root = format!("rootCAs: ['{ours}']");
    let mut services = Vec::new();
    for (names, front) in [["a", "b", "c"], ["d", "e", "f"]].into_iter().zip(&fronts) {
        let url = https(front.address());
        let [given, missing, wrong] = names;
        services.push(service(
            given,
            &url,
            &format!("{{{root}, certificates: [{known}]}}"),
        ));
        services.push(service(missing, &url, &format!("{{{root}}}")));
        services.push(service(
            wrong,
            &url,
            &format!("{{{root}, certificates: [{unknown}]}}"),
        ));
    }
    let world = folder.world(&services).await;
    for (name, expected) in [
        ("a", 200),
        ("b", 502),
        ("c", 502),
        ("d", 200),
        ("e", 502),
        ("f", 502),
    ] {
        assert_eq!(status(&world, name).await, expected, "{name}");
    }
    assert_eq!(backend.requests(), 2);
    for front in &fronts {
        let seen = front.handshakes();
        assert!(seen.iter().all(|it| it.client_certificate), "{seen:?}");
    }

    // Who may look at the configuration need not be who may use its keys.
    let config = format!("{:?}", world.config().await.resources);
    assert!(config.contains("[redacted]") && config.contains("BEGIN CERTIFICATE"));
    assert!(!config.contains("PRIVATE KEY"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transport_that_cannot_be_had_costs_its_services_alone_and_is_replaced_by_no_other() {
    let folder = Folder::new();
    let authority = Authority::new("ours");
    let backend = Backend::start_anywhere("server").await;
    let mine = authority.certify(&["proxy.test"]);
    let cert = folder.pem("proxy.pem", &mine.cert);
    let other_key = folder.pem("other.key", &authority.certify(&["proxy.test"]).key);
    let empty = folder.pem("empty.pem", "");
    let text = folder.pem("text.pem", "not PEM at all");
    let cut = folder.pem("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let nowhere = folder.pem.path().join("nowhere.pem").display().to_string();
    let url = format!("http://{}", backend.address());
    #[rustfmt::skip]
    let rows = [
        ("nowhere", format!("{{rootCAs: ['{nowhere}']}}"), "the rootCAs", "No such file"),
        ("empty", format!("{{rootCAs: ['{empty}']}}"), "the rootCAs", "there is no PEM in it"),
        ("text", format!("{{rootCAs: ['{text}']}}"), "the rootCAs", "there is no PEM in it"),
        ("cut", format!("{{rootCAs: ['{cut}']}}"), "the rootCAs", "it ends in the middle of PEM"),
        ("mixed", format!("{{certificates: [{{certFile: '{cert}', keyFile: '{other_key}'}}]}}"), "the certFile", "do not go together"),
        ("keyless", format!("{{certificates: [{{certFile: '{cert}', keyFile: '{cert}'}}]}}"), "the certFile", "there is no private key in it"),
        ("misspelt", "{insecureSkipVerfy: true}".to_owned(), "is not an option of a servers transport", ""),
    ];
    let mut services: Vec<_> = rows
        .iter()
        .map(|(name, transport, ..)| service(name, &url, transport))
        .collect();
    services.push(service("fine", &url, "{}"));
    let world = folder.world(&services).await;
    assert_eq!(status(&world, "fine").await, 200);
    let diagnostics = world.diagnostics().await;
    let about = |kind: &str, name: &str| {
        let of = |it: &&Diagnostic| {
            let object = it.object.clone().unwrap_or_default();
            object.name == format!("{name}@file") && object.kind().as_str_name().ends_with(kind)
        };
        let found = diagnostics.iter().find(of);
        found.unwrap_or_else(|| panic!("nothing on {kind} {name}: {diagnostics:?}"))
    };
    for (name, _, what, why) in &rows {
        assert_eq!(status(&world, name).await, 503, "{name}");
        let transport = about("SERVERS_TRANSPORT", name);
        assert_eq!(transport.severity(), Severity::Error);
        assert!(transport.message.contains(what), "{transport:?}");
        assert!(transport.message.contains(why), "{transport:?}");
        assert!(transport.container.ends_with("routes.yml"), "{transport:?}");
        let service = about("_SERVICE", name);
        let rejected = format!("the servers transport {name}@file is rejected");
        assert_eq!(service.message, rejected);
        assert_eq!(
            service.label,
            format!("http.services.{name}.loadBalancer.serversTransport")
        );
    }
    assert_eq!(backend.requests(), 1, "only the one that is fine");

    // The file is there now, and whatever changes has it read.
    std::fs::write(&nowhere, authority.pem()).unwrap();
    services.pop();
    folder.write(&services);
    wait_for("the transport", || async {
        (status(&world, "nowhere").await == 200).then_some(())
    })
    .await;
    // What stops being good takes effect, too: there is no silent second best.
    std::fs::write(&nowhere, "").unwrap();
    services.push(service("fine", &url, "{}"));
    folder.write(&services);
    wait_for("the end of the transport", || async {
        (status(&world, "nowhere").await == 503).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_names_a_transport_of_a_file_and_a_flag_changes_the_default_one() {
    const TRANSPORT: &str = "traefik.http.services.web.loadbalancer.serverstransport";
    let folder = Folder::new();
    let authority = Authority::new("ours");
    let ours = folder.pem("ours.pem", &authority.pem());
    let transport = format!("{{rootCAs: ['{ours}']}}");
    folder.write(&[service("inside", "http://127.0.0.1:9", &transport)]);
    let container = |transport: Option<&str>| {
        let spec = routed("web", "web", "Host(`web.test`)").label(
            "traefik.http.services.web.loadbalancer.server.scheme",
            "https",
        );
        match transport {
            Some(name) => spec.label(TRANSPORT, name),
            None => spec,
        }
    };
    let insecure = "--serversTransport.insecureSkipVerify=true";
    let roots = format!("--serversTransport.rootCAs={ours}");
    #[rustfmt::skip]
    let rows = [
        (None, Some("inside@file"), 200, ""),
        (None, None, 502, ""),
        (None, Some("default@internal"), 502, ""),
        (None, Some("inside"), 503, "the servers transport inside@docker does not exist"),
        (Some(insecure), None, 200, ""),
        (Some(roots.as_str()), None, 200, ""),
        (Some(roots.as_str()), Some("default@internal"), 200, ""),
        // What is named is meant, whatever the default is.
        (Some(insecure), Some("nobody@file"), 503, "the servers transport nobody@file does not exist"),
    ];
    for (flag, name, expected, message) in rows {
        let mut setting = folder.setting();
        if let Some(flag) = flag {
            setting = setting.flag(flag);
        }
        let world = setting.start().await;
        let (_backend, _front) = run(&world, &authority, container(name)).await;
        wait_for(&format!("{flag:?}, {name:?}"), || async {
            (status(&world, "web").await == expected).then_some(())
        })
        .await;
        let told = world.diagnostics().await;
        let told = told
            .iter()
            .find(|it| it.label.eq_ignore_ascii_case(TRANSPORT));
        assert_eq!(told.map_or("", |it| &it.message), message);
        if name == Some("inside") {
            let suggestion = &told.unwrap().suggestion;
            assert_eq!(suggestion, "did you mean inside@file?");
        }
    }
}

/// Runs the container `web`, whose process speaks TLS.
async fn run(
    world: &World,
    authority: &Authority,
    spec: fairway_tests::fake_docker::ContainerSpec,
) -> (Backend, TlsFront) {
    let backend = Backend::start_anywhere("web").await;
    world.engine().run(spec.port(world.backend_port()));
    let ip = world.engine().address("web", None).expect("an address");
    let identity = authority.certify(&[&ip.to_string()]);
    let address = SocketAddr::new(ip.into(), world.backend_port());
    let front = front(address, identity, &backend).await;
    (backend, front)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flag_that_names_no_good_file_stops_the_start_and_says_which() {
    let folder = Folder::new();
    let text = folder.pem("text.pem", "not PEM at all");
    let flags = [
        "--providers.docker.endpoint=unix:///nonexistent/docker.sock".to_owned(),
        "--grpc.address=127.0.0.1:0".to_owned(),
        format!("--serversTransport.rootCAs={text}"),
    ];
    let config = fairway_control::StaticConfig::parse(flags).unwrap();
    let error = fairway_control::start(config).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("serversTransport: the rootCAs {text} cannot be used: there is no PEM in it")
    );
}
