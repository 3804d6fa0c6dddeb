//! The fake engine as bollard sees it.

use std::time::Duration;

use bollard::Docker;
use bollard::models::{ContainerSummary, EventMessage};
use bollard::query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder};
use fairway_tests::fake_docker::{
    ContainerSpec, Engine, FakeDocker, Generation, InspectFault, ListFault, Options,
};
use fairway_tests::raw_client;
use fairway_tests::wait::wait_until;
use futures_util::{Stream, StreamExt as _};

async fn client(docker: &FakeDocker) -> Docker {
    let socket = docker.socket();
    Docker::connect_with_unix(socket.to_str().unwrap(), 5, bollard::API_DEFAULT_VERSION)
        .unwrap()
        .negotiate_version()
        .await
        .unwrap()
}

async fn list(client: &Docker) -> Result<Vec<ContainerSummary>, bollard::errors::Error> {
    let options = ListContainersOptionsBuilder::default().all(true).build();
    client.list_containers(Some(options)).await
}

fn names(list: &[ContainerSummary]) -> Vec<&str> {
    list.iter()
        .map(|container| container.names.as_ref().unwrap()[0].as_str())
        .collect()
}

/// Subscribes and waits until the engine knows.
async fn subscribe(
    client: &Docker,
    engine: &Engine,
) -> impl Stream<Item = Result<EventMessage, bollard::errors::Error>> + Unpin + use<> {
    let before = engine.subscribers();
    let filters = std::collections::HashMap::from([("type", vec!["container", "network"])]);
    let options = EventsOptionsBuilder::default().filters(&filters).build();
    let client = client.clone();
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut events = Box::pin(client.events(Some(options)));
        while let Some(event) = events.next().await {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    wait_until("the subscription", || engine.subscribers() > before).await;
    tokio_stream::wrappers::UnboundedReceiverStream::new(receiver)
}

/// Actions until one was `last`, as words.
async fn actions<S>(events: &mut S, last: &str) -> Vec<String>
where
    S: Stream<Item = Result<EventMessage, bollard::errors::Error>> + Unpin,
{
    let mut seen = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(5), events.next()).await;
        let event = next
            .unwrap_or_else(|_| panic!("only {seen:?}"))
            .unwrap()
            .unwrap();
        let action = event.action.unwrap();
        seen.push(match event.typ.unwrap() {
            bollard::models::EventMessageTypeEnum::NETWORK => format!("network {action}"),
            _ => action.clone(),
        });
        if action == last {
            return seen;
        }
    }
}

#[tokio::test]
async fn bollard_reads_lists_and_inspections_of_every_generation() {
    for generation in Generation::ALL {
        let docker = FakeDocker::start(Options {
            generation,
            ..Options::default()
        })
        .await;
        let engine = docker.engine();
        let spec = ContainerSpec::new("web-1")
            .compose("shop", "web")
            .port(80)
            .healthcheck();
        let id = engine.run(spec.stop_signal("SIGQUIT"));
        engine.create(ContainerSpec::new("idle").network("back"));
        engine.health("web-1", "healthy");
        let client = client(&docker).await;

        let listed = list(&client).await.unwrap();
        assert_eq!(names(&listed), ["/idle", "/web-1"], "{generation:?}");
        let web = &listed[1];
        assert_eq!(web.id.as_deref(), Some(id.as_str()));
        assert!(web.status.as_ref().unwrap().contains("(healthy)"));
        let networks = web
            .network_settings
            .as_ref()
            .unwrap()
            .networks
            .as_ref()
            .unwrap();
        let address = engine.address("web-1", None).unwrap();
        assert!(address.is_loopback());
        assert_eq!(networks["bridge"].ip_address, Some(address.to_string()));
        assert_eq!(web.ports.as_ref().unwrap()[0].private_port, 80);

        let inspected = client.inspect_container("web-1", None).await.unwrap();
        assert_eq!(
            inspected.config.unwrap().stop_signal.as_deref(),
            Some("SIGQUIT")
        );
        assert!(
            inspected
                .state
                .unwrap()
                .started_at
                .unwrap()
                .starts_with("20")
        );
        assert!(client.inspect_container("nobody", None).await.is_err());
        assert_eq!(client.list_networks(None).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn events_come_in_the_order_of_the_generation() {
    for generation in Generation::ALL {
        let docker = FakeDocker::start(Options {
            generation,
            ..Options::default()
        })
        .await;
        let client = client(&docker).await;
        let engine = docker.engine();
        let mut events = subscribe(&client, engine).await;
        engine.run(ContainerSpec::new("web"));
        assert_eq!(
            actions(&mut events, "start").await,
            ["create", "network connect", "start"]
        );
        engine.stop("web");
        let expected = if generation == Generation::V20_10 {
            ["kill", "die", "network disconnect", "stop"]
        } else {
            ["kill", "network disconnect", "die", "stop"]
        };
        assert_eq!(
            actions(&mut events, "stop").await,
            expected,
            "{generation:?}"
        );
        engine.start("web");
        engine.pause("web");
        engine.unpause("web");
        engine.rename("web", "site");
        engine.health("site", "unhealthy");
        let last = "health_status: unhealthy";
        let expected = [
            "network connect",
            "start",
            "pause",
            "unpause",
            "rename",
            last,
        ];
        assert_eq!(actions(&mut events, last).await, expected);
        engine.remove("site");
        assert_eq!(
            actions(&mut events, "destroy").await.last().unwrap(),
            "destroy"
        );
        assert!(list(&client).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_first_free_address_is_given_out_again() {
    let docker = FakeDocker::start(Options::default()).await;
    let engine = docker.engine();
    engine.run(ContainerSpec::new("a"));
    engine.run(ContainerSpec::new("b"));
    let address = engine.address("a", None);
    assert_ne!(address, engine.address("b", None));
    engine.stop("a");
    assert_eq!(engine.address("a", None), None);
    engine.run(ContainerSpec::new("c"));
    assert_eq!(engine.address("c", None), address);
}

#[tokio::test]
async fn anything_but_reading_is_forbidden() {
    let docker = FakeDocker::start(Options {
        tcp: true,
        ..Options::default()
    })
    .await;
    let address = docker
        .tcp_endpoint()
        .unwrap()
        .replace("tcp://", "")
        .parse()
        .unwrap();
    let mut connection = raw_client::RawClient::connect(address).await.unwrap();
    let cases = [
        ("GET", "/_ping", 200),
        ("HEAD", "/_ping", 200),
        ("GET", "/v1.44/containers/json?all=1", 200),
        ("GET", "/v1.99/version", 400),
        ("GET", "/v1.1/version", 400),
        ("GET", "/images/json", 404),
        ("POST", "/containers/create", 403),
        ("DELETE", "/containers/abc", 403),
    ];
    for (method, target, status) in cases {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: docker\r\n\r\n");
        let reply = connection.exchange(request).await.unwrap();
        assert_eq!(reply.status(), status, "{method} {target}");
    }
    assert_eq!(docker.engine().count("forbidden"), 2);
    let reply = connection.get("docker", "/_ping").await.unwrap();
    assert_eq!(reply.head.header("api-version"), Some("1.51"));
}

#[tokio::test]
async fn lists_go_wrong_as_told_and_only_as_often() {
    let docker = FakeDocker::start(Options::default()).await;
    let engine = docker.engine();
    engine.run(ContainerSpec::new("web"));
    let client = client(&docker).await;
    for fault in [
        ListFault::Truncated,
        ListFault::Cut,
        ListFault::UnknownState,
        ListFault::Status(500),
    ] {
        engine.fault(|faults| (faults.list, faults.list_times) = (Some(fault), 1));
        assert!(list(&client).await.is_err(), "{fault:?}");
        assert_eq!(list(&client).await.unwrap().len(), 1, "after {fault:?}");
    }
    engine.fault(|faults| (faults.list, faults.list_times) = (Some(ListFault::Empty), 1));
    assert!(list(&client).await.unwrap().is_empty());
    assert_eq!(list(&client).await.unwrap().len(), 1);
}

#[tokio::test]
async fn inspections_go_wrong_as_told() {
    let docker = FakeDocker::start(Options::default()).await;
    let engine = docker.engine();
    engine.run(ContainerSpec::new("web"));
    engine.run(ContainerSpec::new("api"));
    let client = client(&docker).await;
    let late = Duration::from_millis(100);
    for fault in [InspectFault::Status(500), InspectFault::Truncated] {
        engine.fault(|faults| _ = faults.inspect.insert("web".to_owned(), fault));
        assert!(
            client.inspect_container("web", None).await.is_err(),
            "{fault:?}"
        );
        assert!(client.inspect_container("api", None).await.is_ok());
    }
    engine.fault(|faults| {
        _ = faults
            .inspect
            .insert("web".to_owned(), InspectFault::Slow(late))
    });
    let started = std::time::Instant::now();
    assert!(client.inspect_container("web", None).await.is_ok());
    assert!(started.elapsed() >= late);
}

#[tokio::test]
async fn events_are_lost_and_doubled_the_same_way_for_the_same_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let docker = FakeDocker::start(Options {
            seed: 7,
            ..Options::default()
        })
        .await;
        let engine = docker.engine();
        let client = client(&docker).await;
        let mut events = subscribe(&client, engine).await;
        engine.fault(|faults| {
            faults.events.drop = 0.3;
            faults.events.duplicate = 0.2;
            faults.events.reorder = 0.2;
        });
        for number in 0..30 {
            engine.create(ContainerSpec::new(&format!("c{number}")));
        }
        // The faults are looked up when an event is sent.
        tokio::time::sleep(Duration::from_millis(200)).await;
        engine.fault(|faults| faults.events = Default::default());
        engine.create(ContainerSpec::new("last"));
        engine.rename("last", "end");
        let seen = actions(&mut events, "rename").await;
        assert!(seen.len() != 32, "nothing was lost: {seen:?}");
        runs.push((seen, engine.id("end")));
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn a_stream_is_cut_cleanly_or_not() {
    let docker = FakeDocker::start(Options::default()).await;
    let engine = docker.engine();
    let client = client(&docker).await;
    let mut events = subscribe(&client, engine).await;
    engine.cut_events(true);
    assert!(events.next().await.is_none());
    let mut events = subscribe(&client, engine).await;
    engine.cut_events(false);
    assert!(events.next().await.unwrap().is_err());
    wait_until("no subscriber", || engine.subscribers() == 0).await;
}

#[tokio::test]
async fn a_daemon_goes_away_and_comes_back_with_its_containers() {
    let docker = FakeDocker::start(Options::default()).await;
    let engine = docker.engine();
    engine.run(ContainerSpec::new("web"));
    let client = client(&docker).await;
    let mut events = subscribe(&client, engine).await;
    docker.go_away();
    assert!(events.next().await.is_none_or(|event| event.is_err()));
    assert!(list(&client).await.is_err());
    docker.come_back().await;
    assert_eq!(list(&client).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_hung_engine_answers_when_it_goes_on() {
    let docker = FakeDocker::start(Options::default()).await;
    let client = client(&docker).await;
    docker.engine().fault(|faults| faults.hang = true);
    let asking = tokio::spawn(async move { list(&client).await.is_ok() });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!asking.is_finished());
    docker.engine().fault(|faults| faults.hang = false);
    assert!(asking.await.unwrap());
}

#[tokio::test]
async fn a_start_fits_between_a_list_and_its_answer() {
    let docker = FakeDocker::start(Options::default()).await;
    let client = client(&docker).await;
    docker
        .engine()
        .after_next_list(|engine| _ = engine.run(ContainerSpec::new("late")));
    assert!(list(&client).await.unwrap().is_empty());
    assert_eq!(list(&client).await.unwrap().len(), 1);
}
