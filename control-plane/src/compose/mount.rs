//! Bind mounts: which of this machine's paths a container sees, and where.

use std::path::{Component, Path, PathBuf};

use crate::document::Node;

/// A file or directory of this machine in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// On this machine.
    source: PathBuf,
    /// In the container.
    target: PathBuf,
}

/// The bind mount that an item of `volumes` is, if it is one. Relative sources are
/// below `folder`.
pub(super) fn read(item: &Node, folder: &Path) -> Option<Mount> {
    let (source, target) = match item.text() {
        Some(text) => {
            let mut parts = text.split(':');
            (parts.next()?, parts.next()?)
        }
        None => {
            let text = |field| item.field(field).and_then(Node::text);
            text("type").filter(|it| *it == "bind")?;
            (text("source")?, text("target")?)
        }
    };
    // Anything else is the name of a volume.
    let is_path = source.starts_with(['.', '/']);
    is_path.then(|| Mount {
        source: tidy(&folder.join(source)),
        target: tidy(Path::new(target)),
    })
}

/// Where a container's path is on this machine: the innermost mount decides, and of
/// several at one place the last.
pub(crate) fn outside(mounts: &[Mount], path: &Path) -> Option<PathBuf> {
    let path = tidy(path);
    let fitting = mounts.iter().filter(|it| path.starts_with(&it.target));
    let mount = fitting.max_by_key(|it| it.target.components().count())?;
    let rest = path.strip_prefix(&mount.target).ok()?;
    Some(match rest.as_os_str().is_empty() {
        true => mount.source.clone(),
        false => mount.source.join(rest),
    })
}

/// Without `.`; what `..` leads to is the file system's to say.
fn tidy(path: &Path) -> PathBuf {
    let parts = path.components();
    parts.filter(|it| *it != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    #[test]
    fn the_innermost_mount_tells_where_a_path_is() {
        let volumes = "- ./dynamic:/etc/router/dynamic:ro\n\
                       - /srv/router:/etc/router\n\
                       - data:/data\n\
                       - /anonymous\n\
                       - {type: bind, source: ../one.yml, target: /one.yml}\n\
                       - {type: volume, source: more, target: /more}\n\
                       - {type: tmpfs, target: /tmp}\n\
                       - [a, b]\n";
        let volumes = document::read_yaml(0, volumes).unwrap();
        let items = volumes.items().iter();
        let mounts: Vec<_> = items
            .filter_map(|item| read(item, Path::new("shop")))
            .collect();
        assert_eq!(mounts.len(), 3);
        for (inside, expected) in [
            ("/etc/router/dynamic", Some("shop/dynamic")),
            ("/etc/router/dynamic/", Some("shop/dynamic")),
            ("/etc/router/./dynamic/a.yml", Some("shop/dynamic/a.yml")),
            ("/etc/router/dynamics", Some("/srv/router/dynamics")),
            ("/one.yml", Some("shop/../one.yml")),
            ("/data/x.yml", None),
            ("/more/x.yml", None),
            ("dynamic", None),
        ] {
            let outside = outside(&mounts, Path::new(inside));
            assert_eq!(outside.as_deref(), expected.map(Path::new), "{inside}");
        }
    }
}
