//! Servers of a file: URLs instead of containers.

use crate::label::Fields;
use crate::model::Server;
use crate::server_url::ServerUrl;

const SERVERS: &str = "loadBalancer.servers";
pub(super) const URL: &str = "loadBalancer.servers[].url";
const WEIGHT: &str = "loadBalancer.servers[].weight";
const PRESERVE_PATH: &str = "loadBalancer.servers[].preservePath";

/// Reads the servers of a balancer; what is wrong is told to the fields.
pub(super) fn list(fields: &mut Fields, file: &str) -> Vec<Server> {
    let mut servers: Vec<Server> = Vec::new();
    for at in 0..fields.count(SERVERS).unwrap_or_default() {
        let Some(server) = server(fields, at, file) else {
            continue;
        };
        // One that is listed twice has twice the share.
        match servers.iter_mut().find(|known| known.id == server.id) {
            None => servers.push(server),
            Some(known) => known.weight = known.weight.saturating_add(server.weight),
        }
    }
    servers
}

fn server(fields: &mut Fields, at: usize, file: &str) -> Option<Server> {
    let Some(url) = fields.text_at(URL, at).map(str::to_owned) else {
        let message = format!("server {} of the list has no url", at + 1);
        let advice = format!("write {}: http://HOST:PORT", fields.key(URL));
        fields.reject("", message, advice);
        return None;
    };
    let place = match ServerUrl::parse(&url) {
        Ok(place) => place,
        Err(why) => {
            let advice = "write http://HOST:PORT, https:// or h2c://";
            fields.reject_at(URL, at, why, advice);
            return None;
        }
    };
    let weight = fields.integer_at(WEIGHT, at).unwrap_or(1);
    let Some(weight) = u32::try_from(weight).ok().filter(|weight| *weight > 0) else {
        let message = format!("the weight {weight} gives the server {url} no requests");
        fields.remark(WEIGHT, message, "use a weight of at least 1");
        return None;
    };
    let preserve_path = fields.boolean_at(PRESERVE_PATH, at) == Some(true);
    let with_path = if preserve_path { " with its path" } else { "" };
    let id = format!("{url}{with_path}");
    Some(Server {
        weight,
        container: file.to_owned(),
        ..place.server(&url, preserve_path, id)
    })
}
