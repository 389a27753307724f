//! Fixed words of expressions: fields that exist, words that a field can have, conditions that are true or false.
//! What is wrong here is no error when it runs; it is only never true. Not for what values a run will bring.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};

use super::{ExprError, children, forbid};
use crate::base::text::clip;
use crate::runbook::problem::likely;

const EVENT: &[&str] = &["subsystem", "code", "target", "severity", "summary", "source", "attributes"];
const OBSERVED: &[&str] = &["verdict", "evidence", "values"];
const SEVERITIES: &[&str] = &["info", "warning", "error", "critical"];
const VERDICTS: &[&str] = &["healthy", "failed", "unknown"];

/// Finds the first wrong word. `values` are the names that the look measures, where they are known.
pub(super) fn check(root: &IdedExpr, values: Option<&[&str]>) -> Result<(), ExprError> {
    words(root, values)?;
    truth(root)
}

fn words(node: &IdedExpr, values: Option<&[&str]>) -> Result<(), ExprError> {
    if let Some(path) = path(node) {
        field(&path, values)?;
    }
    if let Expr::Call(call) = &node.expr
        && let [one, other] = &call.args[..]
    {
        match call.func_name.as_str() {
            "_==_" | "_!=_" => {
                compared(one, other)?;
                compared(other, one)?;
            }
            "@in" => match &other.expr {
                Expr::List(list) => list.elements.iter().try_for_each(|element| compared(one, element))?,
                _ => named_in(one, other, values)?,
            },
            _ => {}
        }
    }
    children(node).into_iter().try_for_each(|child| words(child, values))
}

/// `event.target`, `event.attributes["x"]` as their names.
fn path(node: &IdedExpr) -> Option<Vec<&str>> {
    match &node.expr {
        Expr::Ident(name) => Some(vec![name.as_str()]),
        Expr::Select(select) => {
            let mut path = path(&select.operand)?;
            path.push(&select.field);
            Some(path)
        }
        Expr::Call(call) if call.func_name == "_[_]" => {
            let [of, key] = &call.args[..] else { return None };
            let mut path = path(of)?;
            path.push(text(key)?);
            Some(path)
        }
        _ => None,
    }
}

fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn field(path: &[&str], values: Option<&[&str]>) -> Result<(), ExprError> {
    match path {
        ["event", name] => known("event", name, EVENT),
        ["observed", name] => known("observed", name, OBSERVED),
        ["observed", "values", name] => {
            values.map_or(Ok(()), |values| known("observed.values", name, values))
        }
        _ => Ok(()),
    }
}

fn known(of: &str, name: &str, known: &[&str]) -> Result<(), ExprError> {
    if known.contains(&name) {
        return Ok(());
    }
    forbid(&format!("there is no `{of}.{}` ({})", clip(name, 40), instead(name, known)))
}

fn instead(word: &str, known: &[&str]) -> String {
    match likely(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", known.join(", ")),
    }
}

/// A field that has fixed words, compared with a text that is none of them.
fn compared(field: &IdedExpr, with: &IdedExpr) -> Result<(), ExprError> {
    let (Some(path), Some(word)) = (path(field), text(with)) else { return Ok(()) };
    let known = match path[..] {
        ["event", "severity"] => SEVERITIES,
        ["observed", "verdict"] => VERDICTS,
        _ => return Ok(()),
    };
    if known.contains(&word) {
        return Ok(());
    }
    let (path, said) = (path.join("."), clip(word, 40));
    forbid(&format!("`{path}` is never \"{said}\" ({})", instead(word, known)))
}

/// `"x" in observed.values`.
fn named_in(name: &IdedExpr, map: &IdedExpr, values: Option<&[&str]>) -> Result<(), ExprError> {
    match (text(name), path(map).as_deref()) {
        (Some(name), Some(["observed", "values"])) => field(&["observed", "values", name], values),
        _ => Ok(()),
    }
}

/// What stands where only true or false makes sense.
fn truth(node: &IdedExpr) -> Result<(), ExprError> {
    match &node.expr {
        Expr::Call(call) => match call.func_name.as_str() {
            "_&&_" | "_||_" | "!_" | "_?_:_" => call.args.iter().try_for_each(truth),
            "_+_" | "_-_" | "_*_" | "_/_" | "_%_" | "-_" | "size" | "int" => {
                forbid("a number stands where true or false is needed; compare it, such as `… >= 3`")
            }
            "_[_]" => named_truth(node),
            _ => Ok(()),
        },
        Expr::Select(select) if select.test => Ok(()),
        Expr::Literal(LiteralValue::Boolean(_)) => Ok(()),
        Expr::Literal(_) | Expr::List(_) => {
            forbid("a written value stands where true or false is needed; compare something with it")
        }
        _ => named_truth(node),
    }
}

fn named_truth(node: &IdedExpr) -> Result<(), ExprError> {
    let Some(path) = path(node) else { return Ok(()) };
    let (what, example) = match path[..] {
        ["count"] => ("a number", ">= 3"),
        ["observed", "values", _] => ("a number", "> 0"),
        ["event", "attributes"] | ["observed", "values"] | ["event"] | ["observed"] => {
            return forbid(&format!("`{}` holds several values; name one and compare it", path.join(".")));
        }
        ["event", ..] | ["observed", ..] => ("a text", "== \"…\""),
        _ => return Ok(()),
    };
    let path = path.join(".");
    forbid(&format!("`{path}` is {what}, not true or false; compare it, such as `{path} {example}`"))
}
