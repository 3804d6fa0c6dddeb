//! A history of scripted snapshots.

use fairway_proto::discovery::v1::ResourceKind;
use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{Origin, Resource, ResourceId, Router, Server, Service};

use super::*;
use crate::model::Diagnostic;

fn resource(kind: ResourceKind, name: &str, spec: Spec) -> Resource {
    Resource {
        id: Some(ResourceId {
            kind: kind.into(),
            name: name.to_owned(),
        }),
        origin: Some(Origin {
            provider: "docker".to_owned(),
            containers: vec!["web-1".to_owned()],
        }),
        spec: Some(spec),
    }
}

fn router(name: &str, rule: &str) -> Resource {
    let router = Router {
        rule: rule.to_owned(),
        ..Router::default()
    };
    resource(ResourceKind::Router, name, Spec::Router(router))
}

fn service(name: &str, containers: &[&str]) -> Resource {
    let servers = containers.iter().map(|container| Server {
        id: (*container).to_owned(),
        address: "10.0.0.1:80".to_owned(),
        container: (*container).to_owned(),
        ..Server::default()
    });
    let service = Service {
        servers: servers.collect(),
        unavailable_reason: match containers {
            [] => "container web-1 is stopping".to_owned(),
            _ => String::new(),
        },
        ..Service::default()
    };
    resource(ResourceKind::Service, name, Spec::Service(service))
}

fn told(record: &Record) -> Vec<String> {
    let changes = record.changes.iter();
    changes
        .map(|it| {
            let details = it.details.join("; ");
            format!("{} {} {}: {details}", it.kind, it.name, it.action.word())
        })
        .collect()
}

#[test]
fn a_record_tells_what_came_changed_and_went() {
    let first = Snapshot::following(
        None,
        vec![router("a", "Host(`a`)"), service("s", &["web-1", "web-2"])],
    );
    let now = SystemTime::now();
    let record = Record::new(None, &first, Vec::new(), now);
    assert!(record.is_first);
    assert_eq!(record.counts, [2, 0, 0]);
    let second = Snapshot::following(
        Some(&first),
        vec![
            router("a", "Host(`b`)"),
            router("b", "Path(`/`)"),
            service("s", &["web-2", "web-3"]),
        ],
    );
    let record = Record::new(Some(&first), &second, Vec::new(), now);
    assert_eq!(record.counts, [1, 2, 0]);
    assert_eq!(
        told(&record),
        [
            "router a changed: rule: Host(`a`) → Host(`b`)",
            "router b added: Path(`/`)",
            "service s changed: joined: web-3 (10.0.0.1:80); left: web-1 (10.0.0.1:80)",
        ]
    );
    let third = Snapshot::following(Some(&second), vec![service("s", &[])]);
    let record = Record::new(Some(&second), &third, Vec::new(), now);
    assert_eq!(record.counts, [0, 1, 2]);
    assert_eq!(
        told(&record)[0],
        "service s changed: left: web-2 (10.0.0.1:80); left: web-3 (10.0.0.1:80); \
         no server: container web-1 is stopping"
    );
}

#[test]
fn what_is_kept_is_bounded() {
    let many = (0..500).map(|number| router(&format!("r{number}"), "Path(`/`)"));
    let snapshot = Snapshot::following(None, many.collect());
    let record = Record::new(None, &snapshot, Vec::new(), SystemTime::now());
    assert_eq!((record.counts, record.changes.len()), ([500, 0, 0], 100));
    let mut history = History::default();
    for _ in 0..300 {
        history.push(record.clone());
    }
    assert_eq!(history.records().len(), MAX_RECORDS);
}

#[test]
fn an_acknowledgement_is_noted_once_for_each_process() {
    let snapshot = Snapshot::following(None, vec![router("a", "Path(`/`)")]);
    let mut history = History::default();
    history.push(Record::new(None, &snapshot, Vec::new(), SystemTime::now()));
    let version = snapshot.version();
    let by = |instance: &str| Acknowledgement {
        node: "p".to_owned(),
        instance: instance.to_owned(),
        at: SystemTime::now(),
        rejections: 0,
    };
    for (instance, news) in [("1", true), ("2", true), ("1", false)] {
        assert_eq!(history.lacks(version, instance), news);
        if news {
            history.acknowledged(version, by(instance));
        }
    }
    assert!(!history.lacks("never", "1"));
    let noted = history.records().next().unwrap();
    assert_eq!(noted.acknowledgements.len(), 2);
}

#[test]
fn a_finding_keeps_its_date_while_it_is_true() {
    let finding = |message: &str| Finding {
        provider: "docker".to_owned(),
        diagnostic: Diagnostic::error(message, ""),
    };
    let (old, new) = (finding("old"), finding("new"));
    let mut history = History::default();
    let (early, late) = (SystemTime::UNIX_EPOCH, SystemTime::now());
    history.since = history.date(std::slice::from_ref(&old), early).unwrap();
    assert!(
        history.date(std::slice::from_ref(&old), late).is_none(),
        "nothing new"
    );
    history.since = history.date(&[old.clone(), new.clone()], late).unwrap();
    assert_eq!(history.since(&old), Some(early));
    assert_eq!(history.since(&new), Some(late));
    history.since = history.date(&[new], late).unwrap();
    assert_eq!(history.since(&old), None);
}
