//! Files of the file provider through both planes: what they declare is served,
//! follows them, and goes together with what containers declare.

mod composition;

use std::path::{Path, PathBuf};

use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, World, routed};

/// A directory with the file `routes.yml`, and the flag that has it read.
struct Folder {
    place: tempfile::TempDir,
}

impl Folder {
    fn with(text: &str) -> Self {
        let folder = Self {
            place: tempfile::tempdir().unwrap(),
        };
        folder.write("routes.yml", text);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// As editors do it: the new text is another file under the old name.
    fn replace(&self, name: &str, text: &str) {
        self.write("routes.swp", text);
        std::fs::rename(self.path("routes.swp"), self.path(name)).unwrap();
    }

    async fn world(&self) -> World {
        let folder = Path::display(self.place.path());
        let flag = format!("--providers.file.directory={folder}");
        Setting::new().flag(&flag).start().await
    }
}

/// A router at a host, with a middleware that answers.
fn redirect(host: &str, to: &str) -> String {
    format!(
        "http:\n  routers:\n    page:\n      rule: Host(`{host}`)\n      service: none\n      \
         middlewares: [away]\n  services:\n    none:\n      loadBalancer:\n        servers: \
         [{{url: 'http://127.0.0.1:9'}}]\n  middlewares:\n    away:\n      redirectRegex:\n        \
         regex: .*\n        replacement: {to}\n"
    )
}

/// Waits until this host is sent there.
async fn wait_sent(world: &World, host: &str, to: &str) {
    wait_for("the redirection", || async {
        let reply = world.get(host, "/").await;
        (reply.head.header("location") == Some(to)).then_some(())
    })
    .await;
}

async fn wait_status(world: &World, host: &str, status: u16) {
    wait_for("the status", || async {
        (world.get(host, "/").await.status() == status).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_of_a_file_are_used_in_turn_by_their_weights() {
    let folder = Folder::with("");
    let world = folder.world().await;
    let mut servers = String::new();
    for (name, weight) in [("one", 3), ("two", 1)] {
        world
            .run(routed(name, name, &format!("Host(`{name}.test`)")))
            .await;
        let address = world.engine().address(name, None).unwrap();
        let port = world.backend_port();
        servers.push_str(&format!(
            "          - url: http://{address}:{port}/ignored\n            weight: {weight}\n"
        ));
    }
    let routes = "http:\n  routers:\n    both:\n      rule: Host(`both.test`)\n      service: both\n  \
                  services:\n    both:\n      loadBalancer:\n        servers:\n";
    folder.replace("routes.yml", &format!("{routes}{servers}"));
    world.wait_rotation("both.test", "/", &["one", "two"]).await;
    world.settle().await;
    let turns = world.rotation("both.test", "/x", 40).await;
    let ones = turns.iter().filter(|name| *name == "one").count();
    assert_eq!(ones, 30, "{turns:?}");
    let seen = world.get("both.test", "/x").await.seen();
    assert_eq!(
        (seen.target.as_str(), seen.header("host")),
        ("/x", Some("both.test"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_and_files_name_each_others_objects() {
    let folder = Folder::with(
        "http:\n  routers:\n    mine:\n      rule: Host(`mine.test`)\n      service: web@docker\n      \
         middlewares: [mark, theirs@docker]\n  middlewares:\n    mark:\n      headers:\n        \
         customRequestHeaders: {X-Mark: file}\n",
    );
    let world = folder.world().await;
    let spec = routed("web", "web", "Host(`web.test`)")
        .label("traefik.http.routers.web.middlewares", "mark@file,theirs")
        .label(
            "traefik.http.services.web.loadbalancer.passhostheader",
            "true",
        )
        .label(
            "traefik.http.middlewares.theirs.headers.customrequestheaders.X-Theirs",
            "docker",
        );
    world.run(spec).await;
    for host in ["web.test", "mine.test"] {
        world.wait_rotation(host, "/", &["web"]).await;
        let seen = world.get(host, "/").await.seen();
        assert_eq!(seen.header("x-mark"), Some("file"), "{host}");
        assert_eq!(seen.header("x-theirs"), Some("docker"), "{host}");
    }
    // A router is never served without one of its middlewares.
    folder.replace("routes.yml", "http:\n");
    wait_status(&world, "web.test", 404).await;
    let told = world
        .wait_diagnostic("the lost middleware", |it| it.message.contains("mark@file"))
        .await;
    assert!(told.suggestion.contains("--providers.file"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_a_replaced_and_a_new_file_take_effect() {
    let folder = Folder::with(&redirect("a.test", "https://one.test/"));
    let world = folder.world().await;
    wait_sent(&world, "a.test", "https://one.test/").await;
    folder.write("routes.yml", &redirect("a.test", "https://two.test/"));
    wait_sent(&world, "a.test", "https://two.test/").await;
    for round in 0..3 {
        let to = format!("https://replaced-{round}.test/");
        folder.replace("routes.yml", &redirect("a.test", &to));
        wait_sent(&world, "a.test", &to).await;
    }
    let more = redirect("b.test", "https://more.test/")
        .replace("page", "more")
        .replace("none", "nobody")
        .replace("away", "farther");
    std::fs::create_dir(folder.path("sub")).unwrap();
    folder.write("sub/more.yaml", &more);
    wait_sent(&world, "b.test", "https://more.test/").await;
    folder.write("sub/more.yaml", &more.replace("more.test/", "most.test/"));
    wait_sent(&world, "b.test", "https://most.test/").await;
    std::fs::remove_file(folder.path("sub/more.yaml")).unwrap();
    wait_status(&world, "b.test", 404).await;
    assert_eq!(world.get("a.test", "/").await.status(), 302);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_keeps_its_last_good_state_and_says_where_it_is_broken() {
    let folder = Folder::with(&redirect("a.test", "https://good.test/"));
    let world = folder.world().await;
    wait_sent(&world, "a.test", "https://good.test/").await;
    folder.write("routes.yml", "http:\n  routers:\n    page: {rule: [\n");
    let told = world
        .wait_diagnostic("the broken file", |it| it.message.contains("not YAML"))
        .await;
    assert!(told.container.ends_with("routes.yml"), "{told:?}");
    assert!(told.label.starts_with("line "), "{told:?}");
    assert!(told.label.contains("column"), "{told:?}");
    assert!(told.message.contains("stays in force"), "{told:?}");
    let other = redirect("c.test", "https://other.test/")
        .replace("page", "other")
        .replace("none", "nobody")
        .replace("away", "farther");
    folder.write("other.yml", &other);
    wait_sent(&world, "c.test", "https://other.test/").await;
    wait_sent(&world, "a.test", "https://good.test/").await;
    folder.write("routes.yml", &redirect("a.test", "https://mended.test/"));
    wait_sent(&world, "a.test", "https://mended.test/").await;
    assert_eq!(world.diagnostics().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_file_may_come_later_and_without_watch_it_is_read_when_asked_to() {
    let folder = Folder::with("");
    let path = folder.path("single.toml");
    let flag = format!("--providers.file.filename={}", path.display());
    let world = Setting::new().flag(&flag).start().await;
    let once = Setting::new()
        .flag(&flag)
        .flag("--providers.file.watch=false")
        .start()
        .await;
    let told = world
        .wait_diagnostic("the absent file", |it| {
            it.message.contains("cannot be read")
        })
        .await;
    assert!(told.container.ends_with("single.toml"), "{told:?}");
    let text = "[http.routers.a]\nrule = \"Host(`a.test`)\"\nservice = \"a\"\nmiddlewares = [\"away\"]\n\
                [http.middlewares.away.redirectScheme]\nscheme = \"https\"\n\
                [[http.services.a.loadBalancer.servers]]\nurl = \"http://127.0.0.1:9\"\n";
    folder.write("single.toml", text);
    wait_sent(&world, "a.test", "https://a.test/").await;
    assert_eq!(once.get("a.test", "/").await.status(), 404);
    // Asked to, it reads the file again.
    let own = std::process::id().to_string();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args(["-HUP", &own]).status().unwrap().success());
    wait_sent(&once, "a.test", "https://a.test/").await;
}
