//! What an expression says now.
//!
//! Every operation is checked alone: a NaN or an infinity between two operations could otherwise
//! vanish in a maximum or a quotient and leave a number that was never measured.

use super::{Expression, NoValue, Node, Operation, VALUE_MAX, Values};

impl Expression {
    /// Its value.
    ///
    /// # Errors
    /// Why it has none.
    pub(crate) fn value(&self, values: &impl Values) -> Result<f64, NoValue> {
        let value = value(&self.root, values)?;
        if value.abs() <= VALUE_MAX {
            // A negative zero is told like the other.
            Ok(value + 0.0)
        } else {
            Err(NoValue::NotFinite)
        }
    }
}

fn value(node: &Node, values: &impl Values) -> Result<f64, NoValue> {
    let value = match node {
        Node::Number(number) => *number,
        Node::Metric(metric) => values.metric(metric)?,
        Node::Signal(name) => values.signal(name)?,
        Node::Call(operation, arguments) => call(*operation, arguments, values)?,
    };
    if value.is_finite() {
        Ok(value)
    } else {
        Err(NoValue::NotFinite)
    }
}

fn call(operation: Operation, arguments: &[Node], values: &impl Values) -> Result<f64, NoValue> {
    let ask = |node: &Node| value(node, values);
    match (operation, arguments) {
        (Operation::Add, [a, b]) => Ok(ask(a)? + ask(b)?),
        (Operation::Subtract, [a, b]) => Ok(ask(a)? - ask(b)?),
        (Operation::Multiply, [a, b]) => Ok(ask(a)? * ask(b)?),
        (Operation::Divide, [a, b]) => {
            let (a, b) = (ask(a)?, ask(b)?);
            if b == 0.0 {
                return Err(NoValue::DivisionByZero);
            }
            Ok(a / b)
        }
        (Operation::Negate, [a]) => Ok(-ask(a)?),
        (Operation::Abs, [a]) => Ok(ask(a)?.abs()),
        (Operation::Clamp, [a, least, most]) => {
            let (a, least, most) = (ask(a)?, ask(least)?, ask(most)?);
            // Bounds that cross leave no number between them.
            if least > most {
                return Err(NoValue::NotFinite);
            }
            Ok(a.max(least).min(most))
        }
        (Operation::Default, [a, b]) => match ask(a) {
            Err(NoValue::Missing(_)) => ask(b),
            told => told,
        },
        (Operation::Max, [first, others @ ..]) => others
            .iter()
            .try_fold(ask(first)?, |most, other| Ok(most.max(ask(other)?))),
        (Operation::Min, [first, others @ ..]) => others
            .iter()
            .try_fold(ask(first)?, |least, other| Ok(least.min(ask(other)?))),
        // The reader lets no other number of arguments pass.
        _ => Err(NoValue::NotFinite),
    }
}

#[cfg(test)]
mod tests {
    use super::super::MetricRef;
    use super::*;

    struct Told;

    impl Values for Told {
        fn metric(&self, metric: &MetricRef) -> Result<f64, NoValue> {
            match &*metric.name {
                "six" => Ok(6.0),
                "zero" => Ok(0.0),
                "nan" => Ok(f64::NAN),
                "inf" => Ok(f64::INFINITY),
                "huge" => Ok(1e300),
                other => Err(NoValue::Missing(other.to_owned())),
            }
        }

        fn signal(&self, name: &str) -> Result<f64, NoValue> {
            Err(NoValue::Signal {
                name: name.into(),
                why: Box::new(NoValue::DivisionByZero),
            })
        }
    }

    #[test]
    fn an_expression_has_its_value_or_the_reason_why_not() {
        let cases: [(&str, Result<f64, &str>); 24] = [
            ("1 + 2 * six - 4 / 2", Ok(11.0)),
            ("-six - -six", Ok(0.0)),
            ("10 - 3 - 2", Ok(5.0)),
            ("24 / 6 / 2", Ok(2.0)),
            ("(1 + 2) * six", Ok(18.0)),
            ("max(1, six, 2)", Ok(6.0)),
            ("min(9, six, 7)", Ok(6.0)),
            ("clamp(six, 0, 5)", Ok(5.0)),
            ("clamp(-six, 0, 5)", Ok(0.0)),
            ("clamp(six, 5, 0)", Err("not_finite")),
            ("abs(1 - six)", Ok(5.0)),
            ("default(gone, 3)", Ok(3.0)),
            ("default(six, 3)", Ok(6.0)),
            ("default(six, gone)", Ok(6.0)),
            ("default(1 / zero, 3)", Err("division_by_zero")),
            ("default(nan, 3)", Err("not_finite")),
            ("gone + 1", Err("metric_missing")),
            ("six / zero", Err("division_by_zero")),
            ("six / -zero", Err("division_by_zero")),
            ("max(nan, 1)", Err("not_finite")),
            ("six / inf", Err("not_finite")),
            ("huge", Err("not_finite")),
            ("huge * huge", Err("not_finite")),
            ("default(signal(\"other\"), 1)", Err("division_by_zero")),
        ];
        for (text, expected) in cases {
            let value = Expression::read(text).unwrap().value(&Told);
            let value = value.as_ref().map_err(NoValue::reason);
            assert_eq!(value.copied(), expected, "{text}");
        }
    }
}
