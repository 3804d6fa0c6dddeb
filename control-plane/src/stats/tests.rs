use std::time::Duration;

use fairway_proto::discovery::v1 as wire;
use tokio::time::advance;

use super::*;

fn series(id: u32, scope: wire::SeriesScope, name: &str, part: &str) -> wire::Series {
    let is_server = scope == wire::SeriesScope::Server;
    wire::Series {
        id,
        scope: scope.into(),
        name: name.to_owned(),
        part: part.to_owned(),
        code: 200,
        method: if is_server { "" } else { "GET" }.to_owned(),
        protocol: if is_server { "" } else { "http" }.to_owned(),
        headers: Vec::new(),
    }
}

/// Totals of requests that took 2 ms each.
fn sample(series: u32, requests: u64) -> wire::Sample {
    let bounds = Bounds::default();
    let bucket = u32::try_from(bounds.bucket(2_000_000)).unwrap();
    wire::Sample {
        series,
        requests,
        request_bytes: 0,
        response_bytes: requests * 100,
        nanos: requests * 2_000_000,
        buckets: vec![bucket],
        counts: vec![requests],
    }
}

fn report(series: Vec<wire::Series>, samples: &[(u32, u64)]) -> wire::StatsReport {
    wire::StatsReport {
        bounds_ns: Bounds::default().nanos().to_vec(),
        series,
        samples: samples.iter().map(|(id, it)| sample(*id, *it)).collect(),
        ..Default::default()
    }
}

fn web() -> Vec<wire::Series> {
    vec![series(1, wire::SeriesScope::EntryPoint, "web", "")]
}

/// Requests at the entry point `web`, over all proxies.
fn sum(stats: &Stats) -> u64 {
    stats.with_sums(|sums| {
        let web = sums.series().filter(|(it, _)| it.name == "web");
        web.map(|(_, totals)| totals.requests).sum()
    })
}

fn charted(stats: &Stats) -> u32 {
    stats.overview().overall.requests.iter().sum()
}

#[tokio::test(start_paused = true)]
async fn sums_are_over_all_proxies_and_charts_by_second() {
    let stats = Stats::new(Bounds::default());
    for proxy in ["a", "b"] {
        stats.connect(proxy, proxy);
        stats.take(proxy, report(web(), &[(1, 10)]));
    }
    advance(Duration::from_secs(1)).await;
    stats.take("a", report(Vec::new(), &[(1, 15)]));
    advance(Duration::from_secs(1)).await;
    assert_eq!(sum(&stats), 25);
    let overview = stats.overview();
    let lately: Vec<_> = overview.overall.requests.iter().rev().take(2).collect();
    assert_eq!(lately, [&5, &20]);
    assert_eq!(overview.overall, overview.entry_points["web"]);
    let of_a: u32 = overview.proxies[0].chart.requests.iter().sum();
    assert_eq!((of_a, overview.proxies.len()), (15, 2));
    let p50 = overview.overall.rates.p50.unwrap();
    assert!((0.0015..=0.002).contains(&p50), "{p50}");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_lost_or_told_twice_makes_no_sum_wrong() {
    let stats = Stats::new(Bounds::default());
    stats.connect("a", "a");
    stats.take("a", report(web(), &[(1, 10)]));
    stats.take("a", report(Vec::new(), &[(1, 10)]));
    // One that said 20 was lost.
    stats.take("a", report(Vec::new(), &[(1, 30)]));
    assert_eq!(sum(&stats), 30);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_was_cut_off_loses_resolution_and_no_request() {
    let stats = Stats::new(Bounds::default());
    stats.connect("a", "a");
    stats.take("a", report(web(), &[(1, 100)]));
    stats.disconnect("a");
    advance(Duration::from_secs(50)).await;
    stats.connect("a", "a");
    let backlog = wire::StatsReport {
        catching_up: true,
        ..report(web(), &[(1, 200)])
    };
    stats.take("a", backlog);
    stats.take("a", report(Vec::new(), &[(1, 205)]));
    advance(Duration::from_secs(1)).await;
    assert_eq!(sum(&stats), 205);
    let overview = stats.overview();
    let lately: Vec<_> = overview.overall.requests.iter().rev().take(3).collect();
    assert_eq!(lately, [&7, &2, &2], "spread over the time it took");
    assert_eq!(charted(&stats), 205);
}

#[tokio::test(start_paused = true)]
async fn a_control_plane_that_was_restarted_knows_the_sums_and_not_when_they_were() {
    let stats = Stats::new(Bounds::default());
    stats.connect("a", "a");
    let backlog = wire::StatsReport {
        catching_up: true,
        ..report(web(), &[(1, 1_000_000)])
    };
    stats.take("a", backlog);
    stats.take("a", report(Vec::new(), &[(1, 1_000_003)]));
    advance(Duration::from_secs(1)).await;
    assert_eq!(sum(&stats), 1_000_003);
    assert_eq!(charted(&stats), 3);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_counts_anew_adds_to_what_it_told_before() {
    let stats = Stats::new(Bounds::default());
    stats.connect("a", "a");
    stats.take("a", report(web(), &[(1, 10)]));
    let anew = wire::StatsReport {
        epoch: 1,
        ..report(web(), &[(1, 4)])
    };
    stats.take("a", anew);
    assert_eq!(sum(&stats), 14);
}

#[tokio::test(start_paused = true)]
async fn other_buckets_are_put_where_they_belong() {
    let stats = Stats::new(Bounds::default());
    stats.connect("a", "a");
    let mut other = report(web(), &[]);
    other.bounds_ns = vec![100_000_000, 7_000_000_000];
    other.samples = vec![wire::Sample {
        series: 1,
        requests: 6,
        buckets: vec![0, 1, 2],
        counts: vec![1, 2, 3],
        ..Default::default()
    }];
    stats.take("a", other);
    stats.with_sums(|sums| {
        let (_, totals) = sums.series().next().unwrap();
        let shown: Vec<_> = sums.bounds().cumulative(&totals.buckets).collect();
        assert_eq!(shown, [(0.1, 1), (0.3, 1), (1.2, 1), (5.0, 1)]);
        assert_eq!(totals.buckets.iter().sum::<u64>(), 6);
    });
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_from_every_proxy_is_shown_once_more() {
    let stats = Stats::new(Bounds::default());
    let shown = || stats.with_sums(|sums| sums.series().count());
    for proxy in ["a", "b"] {
        stats.connect(proxy, proxy);
        let router = series(2, wire::SeriesScope::Router, "r@docker", "s@docker");
        let all = web().into_iter().chain([router]).collect();
        stats.take(proxy, report(all, &[(1, 1), (2, 1)]));
    }
    let gone = || wire::StatsReport {
        gone: vec![2],
        ..report(Vec::new(), &[])
    };
    stats.take("a", gone());
    assert_eq!([shown(), shown()], [2, 2], "b has it");
    stats.take("b", gone());
    assert_eq!([shown(), shown()], [2, 1]);
    assert!(stats.object(Scope::Router, "r@docker").is_none());
    assert_eq!(sum(&stats), 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_is_shown_with_its_servers_as_each_proxy_sees_them() {
    let stats = Stats::new(Bounds::default());
    for (proxy, requests) in [("a", 10), ("b", 30)] {
        stats.connect(proxy, proxy);
        let service = series(1, wire::SeriesScope::Service, "s@docker", "");
        let server = series(2, wire::SeriesScope::Server, "s@docker", "x:1");
        stats.take(
            proxy,
            report(vec![service, server], &[(1, requests), (2, requests)]),
        );
    }
    advance(Duration::from_secs(1)).await;
    let service = stats.object(Scope::Service, "s@docker").unwrap();
    let [server] = &service.servers[..] else {
        panic!("{service:?}");
    };
    assert_eq!(server.server, "x:1");
    assert!((server.rates.requests_per_second - 4.0).abs() < 1e-9);
    let through: Vec<_> = server
        .proxies
        .iter()
        .map(|it| (it.node.as_str(), it.requests_per_second, it.latency))
        .collect();
    assert_eq!(through, [("a", 1.0, Some(0.002)), ("b", 3.0, Some(0.002))]);
    assert_eq!(stats.rates(Scope::Service).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn answers_connections_and_the_process_are_kept() {
    let stats = Stats::new(Bounds::default());
    stats.connect("a", "edge-1");
    for cpu_ms in [100, 350] {
        let told = wire::StatsReport {
            answers: [("no_route".to_owned(), cpu_ms)].into(),
            retries: [("s@docker".to_owned(), 3)].into(),
            process: Some(wire::ProcessStats {
                cpu_ms,
                resident_bytes: 7,
                open_connections: [("web".to_owned(), 5)].into(),
                ..Default::default()
            }),
            ..report(Vec::new(), &[])
        };
        stats.take("a", told);
        advance(Duration::from_secs(1)).await;
    }
    stats.with_sums(|sums| {
        assert_eq!(sums.answers().collect::<Vec<_>>(), [("no_route", 350)]);
        assert_eq!(sums.retries().collect::<Vec<_>>(), [("s@docker", 3)]);
        assert_eq!(sums.open_connections().get("web"), Some(&5));
    });
    let proxy = &stats.overview().proxies[0];
    assert_eq!((proxy.node.as_str(), proxy.cpu), ("edge-1", 0.25));
    stats.disconnect("a");
    stats.with_sums(|sums| assert!(sums.open_connections().is_empty()));
}

#[tokio::test(start_paused = true)]
async fn of_proxies_that_are_gone_only_so_many_are_kept() {
    let stats = Stats::new(Bounds::default());
    for proxy in 0..100 {
        let id = format!("p{proxy}");
        stats.connect(&id, &id);
        stats.take(&id, report(web(), &[(1, 1)]));
        stats.disconnect(&id);
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(stats.overview().proxies.len(), 32);
    assert_eq!(sum(&stats), 100, "what they counted stays");
}
