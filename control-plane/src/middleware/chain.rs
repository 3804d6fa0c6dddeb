//! `chain`: other middlewares in a row.

use serde::Serialize;

/// Options of `chain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// References to middlewares, outermost first; not empty.
    pub middlewares: Vec<String>,
}
