//! Conditions over what was measured or answered.

use std::cmp::Ordering;

use fairway_proto::discovery::v1 as wire;
use wire::Relation;
use wire::expression::Expression as Wire;
use wire::operand::Operand as WireOperand;

use super::MiddlewareError;

/// Holds or does not.
#[derive(Debug)]
pub(super) enum Condition {
    All(Box<[Condition]>),
    Any(Box<[Condition]>),
    Not(Box<Condition>),
    Compare(Operand, Relation, Operand),
    NetworkError,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Number(f64),
    Text(String),
    Attempts,
    ResponseCode,
    RequestMethod,
    NetworkErrorRatio,
    CodeRatio(wire::CodeRatio),
    /// Share from 0 to 100.
    LatencyAtQuantile(f64),
    Requests,
}

/// A value of an operand.
#[derive(Debug, PartialEq)]
pub(super) enum Value<'v> {
    Number(f64),
    Text(&'v str),
}

/// What a condition is about.
pub(super) trait Facts {
    /// `None`: nothing is known of it, and no comparison with it holds.
    fn value(&self, of: &Operand) -> Option<Value<'_>>;

    /// The answer has status 502 or 504.
    fn network_error(&self) -> bool;
}

impl Condition {
    pub(super) fn build(spec: &wire::Expression) -> Result<Self, MiddlewareError> {
        let all = |list: &wire::ExpressionList| {
            let parts = list.expressions.iter().map(Self::build);
            parts.collect::<Result<Box<[_]>, _>>()
        };
        match spec.expression.as_ref() {
            Some(Wire::And(list)) => all(list).map(Self::All),
            Some(Wire::Or(list)) => all(list).map(Self::Any),
            Some(Wire::Not(inner)) => Ok(Self::Not(Box::new(Self::build(inner)?))),
            Some(Wire::NetworkError(_)) => Ok(Self::NetworkError),
            Some(Wire::Comparison(it)) => {
                let relation = it.relation();
                if relation == Relation::Unspecified {
                    return Err(MiddlewareError::Expression);
                }
                let (left, right) = (operand(it.left.as_ref())?, operand(it.right.as_ref())?);
                Ok(Self::Compare(left, relation, right))
            }
            None => Err(MiddlewareError::Expression),
        }
    }

    pub(super) fn holds(&self, facts: &impl Facts) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(facts)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(facts)),
            Self::Not(inner) => !inner.holds(facts),
            Self::NetworkError => facts.network_error(),
            Self::Compare(left, relation, right) => {
                let order = match (value(left, facts), value(right, facts)) {
                    (Some(Value::Number(left)), Some(Value::Number(right))) => {
                        left.partial_cmp(&right)
                    }
                    (Some(Value::Text(left)), Some(Value::Text(right))) => Some(left.cmp(right)),
                    _ => None,
                };
                order.is_some_and(|order| related(order, *relation))
            }
        }
    }

    /// Every operand, from left to right.
    pub(super) fn operands(&self) -> Vec<&Operand> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::operands).collect(),
            Self::Not(inner) => inner.operands(),
            Self::NetworkError => Vec::new(),
            Self::Compare(left, _, right) => vec![left, right],
        }
    }
}

fn operand(spec: Option<&wire::Operand>) -> Result<Operand, MiddlewareError> {
    let spec = spec.and_then(|spec| spec.operand.as_ref());
    Ok(match spec.ok_or(MiddlewareError::Expression)? {
        WireOperand::Number(number) => Operand::Number(*number),
        WireOperand::Text(text) => Operand::Text(text.clone()),
        WireOperand::Attempts(_) => Operand::Attempts,
        WireOperand::ResponseCode(_) => Operand::ResponseCode,
        WireOperand::RequestMethod(_) => Operand::RequestMethod,
        WireOperand::NetworkErrorRatio(_) => Operand::NetworkErrorRatio,
        WireOperand::ResponseCodeRatio(ratio) => Operand::CodeRatio(*ratio),
        WireOperand::LatencyAtQuantile(share) => Operand::LatencyAtQuantile(*share),
        WireOperand::Requests(_) => Operand::Requests,
    })
}

fn value<'v>(operand: &'v Operand, facts: &'v impl Facts) -> Option<Value<'v>> {
    match operand {
        Operand::Number(number) => Some(Value::Number(*number)),
        Operand::Text(text) => Some(Value::Text(text)),
        measured => facts.value(measured),
    }
}

fn related(order: Ordering, relation: Relation) -> bool {
    match relation {
        Relation::Equal => order.is_eq(),
        Relation::NotEqual => order.is_ne(),
        Relation::Less => order.is_lt(),
        Relation::LessOrEqual => order.is_le(),
        Relation::Greater => order.is_gt(),
        Relation::GreaterOrEqual => order.is_ge(),
        Relation::Unspecified => false,
    }
}
