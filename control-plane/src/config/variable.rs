//! The static configuration in the environment: `TRAEFIK_` or `FAIRWAY_` and a flag's
//! name, in upper case and with `_` for its dots.

use std::collections::BTreeMap;

use super::ConfigError;
use super::flag::Assignment;
use super::vocabulary::{self, Effect};
use crate::model::Diagnostic;

/// A later one has precedence.
const PREFIXES: [&str; 2] = ["TRAEFIK_", "FAIRWAY_"];

/// Reads the variables. One whose first word is no option's is somebody else's: what
/// links containers has such names, too.
pub(super) fn assignments(
    variables: &BTreeMap<String, String>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<Assignment>, ConfigError> {
    let mut found = Vec::new();
    for prefix in PREFIXES {
        for (name, value) in variables {
            let Some(option) = name.strip_prefix(prefix) else {
                continue;
            };
            let path = option.to_lowercase().replace('_', ".");
            match vocabulary::find(&path) {
                Some((flag, names)) => {
                    if let Effect::Gone(reason) = flag.effect {
                        return Err(ConfigError::UnavailableFlag {
                            flag: name.clone(),
                            reason: reason.to_owned(),
                        });
                    }
                    found.push(Assignment {
                        flag,
                        written: name.clone(),
                        names,
                        value: value.clone(),
                    });
                }
                None => unknown(name, &path, prefix, warnings)?,
            }
        }
    }
    Ok(found)
}

fn unknown(
    name: &str,
    path: &str,
    prefix: &str,
    warnings: &mut Vec<Diagnostic>,
) -> Result<(), ConfigError> {
    let near = vocabulary::nearest(path).map(|near| {
        let near = near.to_uppercase().replace('.', "_");
        format!("did you mean {prefix}{near}?")
    });
    if vocabulary::is_first(path.split('.').next().unwrap_or_default()) {
        let hint = near.map(|near| format!("; {near}")).unwrap_or_default();
        return Err(ConfigError::UnknownFlag {
            flag: name.to_owned(),
            hint,
        });
    }
    if let Some(near) = near {
        let message = format!("the variable {name} is unknown and ignored");
        warnings.push(Diagnostic::warning(message, near));
    }
    Ok(())
}
