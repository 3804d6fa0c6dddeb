//! What the picture makes of lists and events.

use proptest::prelude::*;

use super::*;
use crate::provider::docker::Network;

const STARTED: Option<Details> = Some(Details {
    started: Some(7),
    stop_signal: Signal::TERM,
    stop_timeout: Duration::from_secs(10),
});

fn listed(id: &str, state: &str) -> Listed {
    let network = Network {
        ipv4: Some("10.0.0.2".parse().unwrap()),
        ipv6: None,
    };
    Listed {
        id: id.to_owned(),
        name: id.to_owned(),
        state: State::from_word(state),
        networks: [("front".to_owned(), network)].into(),
        ..Listed::default()
    }
}

fn list(containers: &[(&str, &str)]) -> List {
    let containers = containers.iter().map(|(id, state)| listed(id, state));
    List {
        containers: containers.collect(),
        unreadable: Vec::new(),
    }
}

/// A picture of these containers, all inspected.
fn picture(containers: &[(&str, &str)], now: Instant) -> Picture {
    let mut picture = Picture::new(DockerOptions::default());
    assert_eq!(picture.list(list(containers), now, false), Verdict::Applied);
    for (id, generation) in picture.ask() {
        picture.inspected(&id, generation, STARTED);
    }
    picture
}

fn id(id: &str) -> String {
    id.to_owned()
}

/// Ids and what each is doing.
fn doing(picture: &Picture) -> Vec<String> {
    let doing = |it: &Container| match (&it.state, it.stopping) {
        (State::Running, false) => format!("{} runs", it.id),
        (State::Running, true) => format!("{} stops", it.id),
        (State::Other(word), _) => format!("{} {word}", it.id),
    };
    picture.containers().iter().map(doing).collect()
}

#[test]
fn a_container_without_details_waits_and_one_whose_inspection_failed_does_not() {
    let now = Instant::now();
    let mut picture = Picture::new(DockerOptions::default());
    picture.list(list(&[("a", "running"), ("b", "exited")]), now, false);
    assert_eq!(doing(&picture), ["b exited"]);
    assert_eq!(picture.ask(), [(id("a"), 0)]);
    assert_eq!(picture.ask(), []);
    picture.inspected("a", 0, None);
    assert_eq!(doing(&picture), ["a runs", "b exited"]);
    picture.retry();
    assert_eq!(picture.ask(), [(id("a"), 0)]);
}

#[test]
fn a_stop_signal_marks_at_once_and_a_reload_does_not() {
    let now = Instant::now();
    let mut picture = picture(&[("a", "running")], now);
    let kill = |signal| Event::Kill {
        container: id("a"),
        signal: Some(Signal(signal)),
    };
    assert_eq!(picture.event(kill(1), now), Reaction::default());
    assert_eq!(doing(&picture), ["a runs"]);
    assert!(picture.event(kill(15), now).publish);
    assert_eq!(doing(&picture), ["a stops"]);
}

#[test]
fn who_outlives_its_grace_gets_its_place_back() {
    let now = Instant::now();
    let mut picture = picture(&[("a", "running")], now);
    let kill = Event::Kill {
        container: id("a"),
        signal: Some(Signal(2)),
    };
    picture.event(kill, now);
    picture.list(
        list(&[("a", "running")]),
        now + Duration::from_secs(29),
        false,
    );
    assert_eq!(doing(&picture), ["a stops"]);
    picture.list(
        list(&[("a", "running")]),
        now + Duration::from_secs(31),
        false,
    );
    assert_eq!(doing(&picture), ["a runs"]);
}

#[test]
fn a_death_outweighs_a_list_that_does_not_show_it_yet() {
    let now = Instant::now();
    let mut picture = picture(&[("a", "running")], now);
    assert!(
        picture
            .event(Event::Die { container: id("a") }, now)
            .publish
    );
    picture.list(
        list(&[("a", "running")]),
        now + Duration::from_millis(5),
        false,
    );
    assert_eq!(doing(&picture), ["a exited"]);
    // Whoever lives on after that had its start event lost.
    picture.list(list(&[("a", "running")]), now + MARK_HOLDS, false);
    assert_eq!(doing(&picture), ["a starting"]);
}

#[test]
fn a_restart_needs_its_new_start_and_an_old_answer_does_not_count() {
    let now = Instant::now();
    let mut picture = picture(&[("a", "running")], now);
    picture.event(Event::Die { container: id("a") }, now);
    let (_, old) = picture.ask().remove(0);
    picture.event(Event::Start { container: id("a") }, now);
    assert_eq!(doing(&picture), ["a starting"]);
    let (_, new) = picture.ask().remove(0);
    picture.inspected("a", old, STARTED);
    assert_eq!(doing(&picture), ["a starting"]);
    let restarted = STARTED.map(|details| Details {
        started: Some(8),
        ..details
    });
    picture.inspected("a", new, restarted);
    assert_eq!(doing(&picture), ["a runs"]);
    assert_eq!(picture.containers()[0].started, 8);
}

#[test]
fn a_lost_network_is_lost_at_once_and_a_new_one_costs_nothing() {
    let now = Instant::now();
    let mut picture = picture(&[("a", "running")], now);
    let (container, network) = (id("a"), id("front"));
    let disconnect = Event::Disconnect {
        container: container.clone(),
        network: network.clone(),
    };
    assert!(picture.event(disconnect, now).publish);
    picture.list(list(&[("a", "running")]), now, false);
    assert!(picture.containers()[0].networks.is_empty());
    picture.event(Event::Connect { container, network }, now);
    assert_eq!(picture.containers()[0].networks.len(), 1);
    let mut more = list(&[("a", "running")]);
    let networks = &mut more.containers[0].networks;
    networks.insert(id("back"), Network::default());
    picture.list(more, now, false);
    assert_eq!(
        doing(&picture),
        ["a runs"],
        "it serves while it is asked again"
    );
    assert_eq!(picture.ask().len(), 1);
}

#[test]
fn a_list_that_lacks_most_is_believed_the_second_time() {
    let now = Instant::now();
    let mut picture = picture(&[("a", "running"), ("b", "running"), ("c", "running")], now);
    assert_eq!(picture.list(list(&[]), now, false), Verdict::Doubted);
    assert_eq!(
        picture.list(list(&[("a", "running")]), now, false),
        Verdict::Doubted
    );
    assert_eq!(doing(&picture).len(), 3);
    assert_eq!(picture.list(list(&[]), now, true), Verdict::Applied);
    assert_eq!(doing(&picture).len(), 0);
}

#[test]
fn what_was_announced_may_be_missing() {
    let now = Instant::now();
    let mut picture = picture(&[("a", "running")], now);
    picture.event(Event::Destroy { container: id("a") }, now);
    assert_eq!(doing(&picture).len(), 0);
    assert_eq!(picture.list(list(&[]), now, false), Verdict::Applied);
}

#[test]
fn an_unreadable_entry_keeps_what_was_known() {
    let now = Instant::now();
    let mut picture = picture(&[("a", "running"), ("b", "running")], now);
    let list = List {
        unreadable: vec![id("a"), id("b"), id("new")],
        ..List::default()
    };
    assert_eq!(picture.list(list, now, false), Verdict::Applied);
    assert_eq!(doing(&picture), ["a runs", "b runs"]);
}

fn event() -> impl Strategy<Value = Event> {
    let container = prop::sample::select(vec!["a", "b", "unknown"]).prop_map(str::to_owned);
    (container, 0..9_u8).prop_map(|(container, kind)| {
        let network = "front".to_owned();
        match kind {
            0 => Event::Kill {
                container,
                signal: Some(Signal::TERM),
            },
            1 => Event::Start { container },
            2 => Event::Die { container },
            3 => Event::Pause { container },
            4 => Event::Unpause { container },
            5 => Event::Destroy { container },
            6 => Event::Connect { container, network },
            7 => Event::Disconnect { container, network },
            _ => Event::Changed,
        }
    })
}

proptest! {
    /// Lost, doubled, late and reordered events are all the same thing: any events.
    #[test]
    fn whatever_was_said_the_list_has_the_last_word(
        events in prop::collection::vec((event(), 0..2_000_u64), 0..40),
        truth in prop::sample::subsequence(vec![("a", "running"), ("b", "paused"), ("c", "running")], 0..=3),
    ) {
        let mut now = Instant::now();
        let mut picture = picture(&[("a", "running"), ("b", "running")], now);
        for (event, after) in events {
            picture.event(event, now);
            now += Duration::from_millis(after);
        }
        now += Duration::from_secs(31);
        picture.list(list(&truth), now, true);
        for (id, generation) in picture.ask() {
            picture.inspected(&id, generation, STARTED);
        }
        let fresh = super::tests::picture(&truth, now);
        prop_assert_eq!(doing(&picture), doing(&fresh));
        for (it, fresh) in picture.containers().iter().zip(fresh.containers()) {
            prop_assert_eq!(&it.networks, &fresh.networks);
        }
    }
}
