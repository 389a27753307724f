//! The only user of CEL. Expressions are at most 1 KiB; no floats; no macro over a map (maps have no order that
//! would be the same on every replay); one macro level, over lists of at most 100; the answer is true or false.
//! Compiled and evaluated on the deep-stack thread, which keeps what it compiled. Error texts never hold values,
//! so that they are the same on every replay.
//! Not for the fold: expressions are evaluated in decisions, on recorded values.

mod words;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};
use cel::objects::{Key, Map};
use cel::{Context, Env, ExecutionError, Program, Value};

use crate::base::deep_stack::{self, DeepStackError};
use crate::base::limits::{EXPR_BYTES_MAX, EXPR_LIST_MAX, SHOWN_BYTES_MAX};
use crate::base::sealed;
use crate::base::text::shown;

/// Names that a `when` may speak of.
pub const WHEN_NAMES: &[&str] = &["event", "count"];
/// Names that the `expect` of a precondition may speak of.
pub const EXPECT_NAMES: &[&str] = &["event", "observed"];

/// Compiled expressions kept on the thread; above it all are dropped and compiled again when needed.
const CACHE_MAX: usize = 16_384;

/// An expression that cannot be used, or that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExprError {
    /// Longer than allowed.
    #[error("the expression has {0} bytes, at most {EXPR_BYTES_MAX}")]
    TooLong(usize),
    /// Not CEL.
    #[error("not a CEL expression: {0}")]
    Syntax(String),
    /// CEL, but more than is allowed here.
    #[error("{0}")]
    Forbidden(String),
    /// It could not be evaluated on these values.
    #[error("the expression has no answer: {0}")]
    NoAnswer(String),
    /// It gave something else than true or false.
    #[error("the expression gives a {0}, not true or false")]
    NotBool(&'static str),
    /// The thread failed.
    #[error(transparent)]
    Thread(#[from] DeepStackError),
}

/// Whether `source` may be used where only `names` exist. `values` are the names that the look before it measures,
/// where they are known.
pub fn check(
    source: &str,
    names: &'static [&'static str],
    values: Option<&'static [&'static str]>,
) -> Result<(), ExprError> {
    let source = source.to_owned();
    deep_stack::run(move || {
        let program = compiled(&source)?;
        known_names(&program, names)?;
        words::check(program.program.expression(), values)
    })?
}

/// Evaluates expressions, each on its own values; one hop to the thread for all of them.
pub fn evaluate(jobs: &[(&str, &serde_json::Value)]) -> Vec<Result<bool, ExprError>> {
    let owned: Vec<(String, serde_json::Value)> =
        jobs.iter().map(|(source, vars)| ((*source).to_owned(), (*vars).clone())).collect();
    let all = deep_stack::run(move || {
        let evaluated = owned.iter().map(|(source, vars)| one(source, vars, &context(vars)));
        evaluated.collect::<Vec<_>>()
    });
    all.unwrap_or_else(|error| vec![Err(error.into()); jobs.len()])
}

/// Evaluates expressions on the same values; one hop to the thread for all of them.
pub fn evaluate_all(sources: &[&str], vars: serde_json::Value) -> Vec<Result<bool, ExprError>> {
    if sources.is_empty() {
        return Vec::new();
    }
    let owned: Vec<String> = sources.iter().map(|source| (*source).to_owned()).collect();
    let all = deep_stack::run(move || {
        let context = context(&vars);
        owned.iter().map(|source| one(source, &vars, &context)).collect::<Vec<_>>()
    });
    all.unwrap_or_else(|error| vec![Err(error.into()); sources.len()])
}

fn one(source: &str, vars: &serde_json::Value, context: &Context) -> Result<bool, ExprError> {
    let program = compiled(source)?;
    for path in &program.ranges {
        check_range(path, vars)?;
    }
    match program.program.execute(context) {
        Ok(Value::Bool(answer)) => Ok(answer),
        Ok(other) => Err(ExprError::NotBool(type_word(&other))),
        Err(error) => Err(no_answer(&error_text(&error))),
    }
}

/// A compiled expression and what its macros run over.
struct Compiled {
    program: Program,
    ranges: Vec<Vec<String>>,
}

thread_local! {
    static CACHE: RefCell<HashMap<String, Result<Rc<Compiled>, ExprError>>> = RefCell::default();
    static ENV: Arc<Env> = Arc::new(Env::stdlib());
}

fn compiled(source: &str) -> Result<Rc<Compiled>, ExprError> {
    if let Some(known) = CACHE.with_borrow(|cache| cache.get(source).cloned()) {
        return known;
    }
    let result = compile(source).map(Rc::new);
    CACHE.with_borrow_mut(|cache| {
        if cache.len() >= CACHE_MAX {
            cache.clear();
        }
        if source.len() <= EXPR_BYTES_MAX {
            cache.insert(source.to_owned(), result.clone());
        }
    });
    result
}

fn compile(source: &str) -> Result<Compiled, ExprError> {
    if source.len() > EXPR_BYTES_MAX {
        return Err(ExprError::TooLong(source.len()));
    }
    let program = Program::compile(source).map_err(|errors| {
        let first = errors.errors.first();
        let said = first.map_or("empty", |e| e.msg.lines().next().unwrap_or(""));
        ExprError::Syntax(shown(said, SHOWN_BYTES_MAX))
    })?;
    let mut walk = Walk { ranges: Vec::new() };
    walk.expr(program.expression(), Inside::Nothing)?;
    Ok(Compiled { ranges: walk.ranges, program })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Macro,
}

/// Functions and operators that may be used; everything else could be slow, random or a float.
const FUNCTIONS: [&str; 24] = [
    "_?_:_",
    "_&&_",
    "_||_",
    "!_",
    "_-_",
    "_+_",
    "_*_",
    "_/_",
    "_%_",
    "_==_",
    "_!=_",
    "_>=_",
    "_<=_",
    "_>_",
    "_<_",
    "-_",
    "_[_]",
    "@in",
    "@not_strictly_false",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "int",
];

struct Walk {
    ranges: Vec<Vec<String>>,
}

impl Walk {
    fn expr(&mut self, node: &IdedExpr, inside: Inside) -> Result<(), ExprError> {
        match &node.expr {
            Expr::Literal(LiteralValue::Double(_)) => forbid("floats are not allowed; compare whole numbers"),
            Expr::Literal(LiteralValue::Bytes(_)) => forbid("byte strings are not allowed"),
            Expr::Literal(_) | Expr::Ident(_) => Ok(()),
            Expr::Unspecified => forbid("the expression is empty"),
            Expr::Map(_) | Expr::Struct(_) => forbid("maps and structs cannot be made here"),
            Expr::Select(select) => self.expr(&select.operand, inside),
            Expr::List(list) => {
                if list.elements.len() > EXPR_LIST_MAX {
                    return forbid(&format!("a list may have at most {EXPR_LIST_MAX} elements"));
                }
                list.elements.iter().try_for_each(|element| self.expr(element, inside))
            }
            Expr::Call(call) => {
                let name = call.func_name.as_str();
                if !FUNCTIONS.contains(&name) {
                    return forbid(&format!(
                        "the function `{}` is not allowed (allowed: size, contains, startsWith, endsWith, int)",
                        crate::base::text::clip(name, 40)
                    ));
                }
                let parts = call.target.iter().map(AsRef::as_ref).chain(&call.args);
                parts.into_iter().try_for_each(|part| self.expr(part, inside))
            }
            Expr::Comprehension(_) if inside == Inside::Macro => {
                forbid("a macro (all, exists, exists_one, map, filter) may not stand inside another")
            }
            Expr::Comprehension(comprehension) => {
                match range_path(&comprehension.iter_range) {
                    Some(path) => self.ranges.push(path),
                    None if matches!(comprehension.iter_range.expr, Expr::List(_)) => {}
                    None => {
                        return forbid(
                            "a macro may run over a written list or a named one, nothing computed",
                        );
                    }
                }
                let c = comprehension;
                [&c.iter_range, &c.accu_init, &c.loop_cond, &c.loop_step, &c.result]
                    .into_iter()
                    .try_for_each(|part| self.expr(part, Inside::Macro))
            }
        }
    }
}

fn forbid<T>(problem: &str) -> Result<T, ExprError> {
    Err(ExprError::Forbidden(shown(problem, SHOWN_BYTES_MAX)))
}

fn no_answer(why: &str) -> ExprError {
    ExprError::NoAnswer(shown(why, SHOWN_BYTES_MAX))
}

/// `a.b.c` as its names.
fn range_path(node: &IdedExpr) -> Option<Vec<String>> {
    match &node.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) if !select.test => {
            let mut path = range_path(&select.operand)?;
            path.push(select.field.clone());
            Some(path)
        }
        _ => None,
    }
}

/// What a macro runs over must be a list, and a short one.
fn check_range(path: &[String], vars: &serde_json::Value) -> Result<(), ExprError> {
    let value = path.iter().try_fold(vars, |value, name| value.get(name));
    match value {
        Some(serde_json::Value::Array(items)) if items.len() <= EXPR_LIST_MAX => Ok(()),
        Some(serde_json::Value::Array(items)) => forbid(&format!(
            "`{}` has {} elements, at most {EXPR_LIST_MAX} for a macro",
            path.join("."),
            items.len()
        )),
        Some(_) => forbid(&format!("`{}` is no list: macros run over lists only", path.join("."))),
        None => Err(no_answer(&format!("`{}` is not there", path.join(".")))),
    }
}

fn known_names(compiled: &Compiled, names: &[&str]) -> Result<(), ExprError> {
    let mut bound: Vec<String> = Vec::new();
    collect_bound(compiled.program.expression(), &mut bound);
    let mut used = Vec::new();
    collect_idents(compiled.program.expression(), &mut used);
    let unknown = used.into_iter().find(|name| !names.contains(&name.as_str()) && !bound.contains(name));
    match unknown {
        None => Ok(()),
        Some(name) => {
            let near = super::problem::likely(&name, names.iter().copied());
            let hint = near
                .map_or_else(|| format!("known: {}", names.join(", ")), |n| format!("did you mean `{n}`?"));
            forbid(&format!("the name `{}` does not exist here ({hint})", crate::base::text::clip(&name, 40)))
        }
    }
}

fn children(node: &IdedExpr) -> Vec<&IdedExpr> {
    match &node.expr {
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Call(call) => call.target.iter().map(AsRef::as_ref).chain(&call.args).collect(),
        Expr::Comprehension(c) => vec![&c.iter_range, &c.accu_init, &c.loop_cond, &c.loop_step, &c.result],
        Expr::Map(map) => map
            .entries
            .iter()
            .flat_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(pair) => vec![&pair.key, &pair.value],
                EntryExpr::StructField(field) => vec![&field.value],
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn collect_bound(node: &IdedExpr, out: &mut Vec<String>) {
    if let Expr::Comprehension(c) = &node.expr {
        out.extend([c.iter_var.clone(), c.accu_var.clone()]);
        out.extend(c.iter_var2.clone());
    }
    children(node).into_iter().for_each(|child| collect_bound(child, out));
}

fn collect_idents(node: &IdedExpr, out: &mut Vec<String>) {
    if let Expr::Ident(name) = &node.expr {
        out.push(name.clone());
    }
    children(node).into_iter().for_each(|child| collect_idents(child, out));
}

fn context(vars: &serde_json::Value) -> Context<'static, 'static> {
    let mut context = Context::with_env(ENV.with(Arc::clone));
    if let serde_json::Value::Object(members) = vars {
        for (name, value) in members {
            context.add_variable_from_value(name.as_str(), cel_value(value));
        }
    }
    context
}

/// JSON as CEL sees it: whole numbers are `int`, and what is none does not exist.
fn cel_value(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => number.as_i64().map_or(Value::Null, Value::Int),
        serde_json::Value::String(text) => Value::String(Arc::new(text.clone())),
        serde_json::Value::Array(items) => Value::List(Arc::new(items.iter().map(cel_value).collect())),
        serde_json::Value::Object(members) => {
            let map: HashMap<Key, Value> =
                members.iter().map(|(name, value)| (Key::from(name.clone()), cel_value(value))).collect();
            Value::Map(Map::from(map))
        }
    }
}

fn type_word(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "list",
        Value::Map(_) => "map",
        Value::Int(_) | Value::UInt(_) => "number",
        Value::Float(_) => "float",
        Value::String(_) => "text",
        Value::Null => "null",
        _ => "value of another type",
    }
}

/// Without the values that CEL would print: maps among them print in random order.
fn error_text(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("there is no `{name}` (ask with has(…) first)"),
        ExecutionError::UndeclaredReference(name) => format!("the name `{name}` does not exist here"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "division by zero".into(),
        ExecutionError::Overflow(..) => "a number became too large".into(),
        ExecutionError::IndexOutOfBounds(_) => "an index is outside its list".into(),
        ExecutionError::FunctionError { function, .. } => format!("`{function}` failed on its argument"),
        _ => "values of these types cannot be combined this way".into(),
    }
}

/// What a `when` sees: the degradation and how often it was reported in this incident.
pub fn when_vars(seen: &crate::event::degradation::DegradationSeen, count: u64) -> serde_json::Value {
    serde_json::json!({ "event": event_vars(seen), "count": count.min(i64::MAX as u64) })
}

/// What the `expect` of a precondition sees: the degradation and what the look saw.
pub fn expect_vars(
    seen: &crate::event::degradation::DegradationSeen,
    observed: &crate::event::verification::Observation,
) -> serde_json::Value {
    let values: &BTreeMap<String, i64> = &observed.values;
    let mut vars = serde_json::json!({
        "event": event_vars(seen),
        "observed": { "verdict": observed.verdict, "evidence": observed.evidence, "values": values },
    });
    without_sealed(&mut vars["observed"]);
    vars
}

fn event_vars(seen: &crate::event::degradation::DegradationSeen) -> serde_json::Value {
    let mut vars = serde_json::json!({
        "subsystem": seen.subsystem,
        "code": seen.code,
        "target": seen.target,
        "severity": seen.severity,
        "summary": seen.summary,
        "attributes": seen.attributes,
        "source": seen.source.to_string(),
    });
    without_sealed(&mut vars);
    vars
}

/// Sealed text is not there: whatever an expression says of it, also that it does not hold a word, counts as not fulfilled.
fn without_sealed(vars: &mut serde_json::Value) {
    if let Some(members) = vars.as_object_mut() {
        members.retain(|_, value| value.as_str().is_none_or(|text| sealed::masked(text) == text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::testing::seen;

    fn eval(source: &str) -> Result<bool, ExprError> {
        let mut vars = when_vars(&seen("web", &[("region", "eu"), ("port", "80")]), 3);
        vars["names"] = serde_json::json!(["a", "b"]);
        vars["many"] = serde_json::json!(vec![1; 101]);
        evaluate(&[(source, &vars)]).remove(0)
    }

    #[test]
    fn expressions_see_the_event() {
        for (source, answer) in [
            (r#"event.attributes["region"] == "eu" && count >= 3"#, true),
            (r#"event.target.startsWith("we") && event.severity in ["error", "critical"]"#, true),
            (r#"has(event.attributes.region) && !has(event.attributes.none)"#, true),
            (r#"int(event.attributes.port) > 8080"#, false),
            (r#"names.exists(n, n == "b") && names.size() == 2"#, true),
            (r#"["x", "y"].all(n, n != event.target)"#, true),
        ] {
            assert_eq!(eval(source), Ok(answer), "{source}");
        }
    }

    #[test]
    fn sealed_text_fulfils_nothing_whatever_is_said_of_it() {
        let mut about = seen("web", &[]);
        about.summary = crate::base::sealed::written("sealed:1:0123456789abcdef:", b"whatever");
        let observed = crate::event::verification::Observation {
            verdict: crate::event::verification::Verdict::Healthy,
            evidence: format!("said: {}", about.summary),
            values: BTreeMap::new(),
        };
        let vars = expect_vars(&about, &observed);
        for source in [
            "event.summary.contains('a')",
            "!event.summary.contains('a')",
            "event.summary != 'x'",
            "!observed.evidence.contains('error')",
        ] {
            assert!(evaluate(&[(source, &vars)]).remove(0).is_err(), "{source}");
        }
        assert_eq!(
            evaluate(&[("observed.verdict == 'healthy' && event.target == 'web'", &vars)]).remove(0),
            Ok(true)
        );
    }

    #[test]
    fn each_forbidden_thing_is_refused() {
        for source in [
            "1.5 > 1.0",
            "double(1) > 0",
            r#"event.attributes.exists(k, k == "a")"#,
            "names.all(a, names.all(b, a == b))",
            "names.map(n, n + n).exists(m, m == \"aa\")",
            "many.all(n, n == 1)",
            "{'a': 1}.size() == 1",
            "event.target.matches('a+')",
            "timestamp('2020-01-01T00:00:00Z') == 1",
            "string(event.attributes) == ''",
        ] {
            assert!(matches!(eval(source), Err(ExprError::Forbidden(_))), "{source}: {:?}", eval(source));
        }
        assert!(matches!(eval("count"), Err(ExprError::NotBool("number"))));
        assert!(matches!(eval("count +"), Err(ExprError::Syntax(_))));
        assert!(matches!(eval(""), Err(ExprError::Syntax(_) | ExprError::Forbidden(_))));
        assert!(matches!(eval(&"a".repeat(1025)), Err(ExprError::TooLong(1025))));
        assert!(matches!(eval("event.none == 1"), Err(ExprError::NoAnswer(_))));
        assert!(matches!(eval("1 / 0 == 1"), Err(ExprError::NoAnswer(_))));
        assert!(
            matches!(eval("event.attributes + 1 == 2"), Err(ExprError::NoAnswer(text)) if !text.contains("eu"))
        );
    }

    #[test]
    fn deep_nesting_does_not_bring_the_process_down() {
        for source in [
            format!("{}true{}", "(".repeat(500), ")".repeat(500)),
            format!("{}true", "!".repeat(1_000)),
            format!("1{} == 1", "+1".repeat(500)),
            "[".repeat(1_000),
            format!("event{}", ".a".repeat(500)),
            format!("true{}", "?true:true".repeat(100)),
        ] {
            let _ = eval(&source);
        }
        assert_eq!(eval("true"), Ok(true));
    }

    #[test]
    fn what_is_wrong_is_said_without_control_characters() {
        for source in [
            "0 &\u{1}& 1",
            "event.`\u{1b}[2J` == 1",
            "names.all(n, n.`\u{1b}` == 1)",
            "`a\u{9b}`.all(n, true)",
        ] {
            let why = eval(source).expect_err(source).to_string();
            assert!(!why.contains(char::is_control), "{why:?}");
        }
    }

    #[test]
    fn unknown_names_are_found_before_running() {
        assert_eq!(check("event.code == 'X'", WHEN_NAMES, None), Ok(()));
        assert_eq!(check("['a'].exists(x, x == event.code)", WHEN_NAMES, None), Ok(()));
        let error = check("evnt.code == 'X'", WHEN_NAMES, None).expect_err("typo");
        assert!(error.to_string().contains("did you mean `event`"), "{error}");
        assert!(check("observed.verdict == 'healthy'", WHEN_NAMES, None).is_err());
    }

    #[test]
    fn what_can_never_be_true_is_found_before_running_with_the_likely_word() {
        let wrong = |source: &str, names, words: &str| {
            let found = check(source, names, Some(&["latency_ms", "status"])).expect_err(source).to_string();
            assert!(found.contains(words), "{source}: {found}");
        };
        for (source, words) in [
            ("event.targt == 'web'", "did you mean `target`"),
            ("event['targt'] == 'web'", "did you mean `target`"),
            ("has(event.atributes.x)", "did you mean `attributes`"),
            ("event.severity == 'fatal'", "known: info, warning, error, critical"),
            ("event.severity in ['error', 'critcal']", "did you mean `critical`"),
            ("count", "`count` is a number"),
            ("event.code == 'X' && count", "`count` is a number"),
            ("!event.target", "`event.target` is a text"),
            ("count + 1", "a number stands where"),
            ("'x'", "a written value"),
        ] {
            wrong(source, WHEN_NAMES, words);
        }
        for (source, words) in [
            ("observed.verdikt == 'failed'", "did you mean `verdict`"),
            ("observed.verdict == 'degraded'", "known: healthy, failed, unknown"),
            ("'heathy' != observed.verdict", "did you mean `healthy`"),
            ("observed.values.latency > 3", "known: latency_ms, status"),
            ("'statu' in observed.values", "did you mean `status`"),
        ] {
            wrong(source, EXPECT_NAMES, words);
        }
        for good in [
            "observed.values.status == 500 && !(event.severity in ['info'])",
            "has(observed.values.status) ? observed.verdict == 'failed' : true",
            "event.attributes.any == 'thing' || event.target.contains('x')",
            "['a', 'b'].exists(x, x == event.target)",
        ] {
            assert_eq!(check(good, EXPECT_NAMES, Some(&["latency_ms", "status"])), Ok(()), "{good}");
        }
        assert_eq!(check("observed.values.depth > 3", EXPECT_NAMES, None), Ok(()));
    }
}
