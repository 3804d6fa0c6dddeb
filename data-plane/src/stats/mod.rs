//! What is counted of requests.
//!
//! On the request path a worker counts into its own [`Book`], which no other thread ever
//! sees: no lock, no atomic, and no allocation once a kind of request was seen. Once a
//! second, and whenever somebody asks for `/metrics`, the [`Collector`] on the control
//! thread takes what every worker has counted since, into the [`Ledger`]: the totals of
//! this process, by name. They go to the control plane with [`Reporter`].

mod book;
mod collector;
mod ledger;
mod options;
mod report;
mod request;
mod subject;

pub(crate) use self::book::{Book, Harvest};
pub(crate) use self::collector::Collector;
pub(crate) use self::ledger::Ledger;
pub(crate) use self::options::MetricsOptions;
pub(crate) use self::report::Reporter;
pub(crate) use self::request::{Attempt, Measure, Tally, Unanswered};
pub(crate) use self::subject::{Kind, Subject};
