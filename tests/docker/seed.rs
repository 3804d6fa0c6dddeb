//! A project written for Traefik, with nothing but the router's service replaced.

use crate::compose::{API_PATH, Project};

#[tokio::test(flavor = "multi_thread")]
async fn a_compose_file_written_for_traefik_runs_with_only_its_router_replaced()
-> anyhow::Result<()> {
    let seed = Project::new("seed", "tests/fixtures/seed")?;
    seed.up(&["--scale", "apache_static=2", "--scale", "apache_dynamic=2"])
        .await?;
    let (site, api) = (
        seed.containers("apache_static")?,
        seed.containers("apache_dynamic")?,
    );
    assert_eq!((site.len(), api.len()), (2, 2));
    seed.answered_by("/", &site).await;
    seed.answered_by(API_PATH, &api).await;

    let load = seed.load();
    load.go_on(200).await;
    let scaled = ["--scale", "apache_static=3", "--scale", "apache_dynamic=1"];
    seed.scale(&scaled)?;
    seed.answered_by("/", &seed.containers("apache_static")?)
        .await;
    seed.answered_by(API_PATH, &seed.containers("apache_dynamic")?)
        .await;
    load.go_on(200).await;
    load.finish_flawless("seed scaled").await;
    Ok(())
}
