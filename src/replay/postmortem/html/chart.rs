//! Charts as inline SVG: what happened when, lane by lane. Each has a title and a description for those who hear the
//! page, and no shape says anything by its colour alone.

use std::fmt::Write as _;

use super::super::model::*;
use super::super::span::say;
use super::super::word;
use super::escape;
use crate::context::IncidentState;
use crate::event::verification::Verdict;

const WIDTH: u64 = 960;
const LEFT: u64 = 120;
const RIGHT: u64 = 20;
const LANE: u64 = 34;
const TOP: u64 = 12;
const BAR: u64 = 18;
/// Marks of one lane: more of them would be a smear.
const MARKS_MAX: usize = 200;
/// A first part that is shorter than this part of the whole is shown by itself.
const CLOSE_UP_PERCENT: u64 = 40;

/// A lane of a chart.
struct Lane {
    name: String,
    bars: Vec<Bar>,
    marks: Vec<Mark>,
}

struct Bar {
    from: u64,
    to: u64,
    class: &'static str,
    label: String,
    title: String,
}

struct Mark {
    at: u64,
    shape: Shape,
    title: String,
}

#[derive(Clone, Copy)]
enum Shape {
    /// Filled circle: good.
    Dot,
    /// Cross: bad.
    Cross,
    /// Ring: cannot be told.
    Ring,
    /// Diamond: people were told.
    Diamond,
    /// Triangle: a report.
    Triangle,
    /// A person did something.
    Square,
}

/// The charts of an incident: of its first, busy part when that is short, and of all of it.
pub(super) fn figures(it: &PostMortem) -> String {
    let end = it.closed.as_ref().map_or(it.until.since_ms, |closed| closed.since_ms).max(1);
    let busy = busy_until(it);
    let mut out = String::new();
    if busy > 0 && busy * 100 < end * CLOSE_UP_PERCENT {
        let to = (busy + busy / 12).max(1);
        out += &figure(it, to, "close-up", &format!("The busy part: the first {}", say(to)));
        out += &figure(it, end, "whole", &format!("All of it: {}", say(end)));
    } else {
        out += &figure(it, end.max(busy), "whole", &format!("All of it: {}", say(end)));
    }
    out += &legend();
    out
}

/// When the last attempt was over, or nothing was going on but watching.
fn busy_until(it: &PostMortem) -> u64 {
    let attempts = it.attempts.iter().filter_map(|a| a.ended.as_ref()).map(|m| m.since_ms);
    let told = it.told.iter().map(|t| t.moment.since_ms);
    attempts.chain(told).max().unwrap_or(0)
}

fn figure(it: &PostMortem, to: u64, id: &str, caption: &str) -> String {
    let lanes = lanes(it);
    let height = TOP + LANE * lanes.len() as u64 + 26;
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<figure><figcaption>{}</figcaption><div class=\"scroll\"><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
        escape(caption),
        escape(caption),
        escape(&describe(it, &lanes, to))
    );
    axis(&mut svg, to, height);
    for (n, lane) in lanes.iter().enumerate() {
        draw(&mut svg, lane, TOP + LANE * n as u64, to);
    }
    svg.push_str("</svg></div></figure>\n");
    svg
}

fn describe(it: &PostMortem, lanes: &[Lane], to: u64) -> String {
    let states = it.states.iter().filter(|s| s.from_ms <= to);
    let states: Vec<String> = states
        .map(|s| format!("{} for {} from {}", word(&s.state), say(s.to_ms - s.from_ms), say(s.from_ms)))
        .collect();
    let marks: Vec<String> = lanes
        .iter()
        .filter(|lane| !lane.marks.is_empty())
        .map(|lane| format!("{} {}", lane.marks.iter().filter(|m| m.at <= to).count(), lane.name))
        .collect();
    format!(
        "Time runs to the right, from the first report. States: {}. Marks: {}. The tables below say the same.",
        states.join("; "),
        marks.join(", ")
    )
}

fn lanes(it: &PostMortem) -> Vec<Lane> {
    let mut lanes = Vec::new();
    let marks = |name: &str, marks: Vec<Mark>| Lane { name: name.into(), bars: Vec::new(), marks };
    let reports = it.signal.reports.iter().map(|r| Mark {
        at: r.moment.since_ms,
        shape: if r.good { Shape::Dot } else { Shape::Triangle },
        title: format!("{} {}: {}", say(r.moment.since_ms), r.source, r.said),
    });
    lanes.push(marks("reports", reports.collect()));
    let states = it.states.iter().map(|s| Bar {
        from: s.from_ms,
        to: s.to_ms,
        class: state_class(s.state),
        label: word(&s.state),
        title: format!("{}, {} from {}", word(&s.state), say(s.to_ms - s.from_ms), say(s.from_ms)),
    });
    lanes.push(Lane { name: "state".into(), bars: states.collect(), marks: Vec::new() });
    for (attempt, n) in it.attempts.iter().zip(1..) {
        lanes.push(attempt_lane(it, attempt, n));
    }
    let looks = it.attempts.iter().flat_map(|a| &a.looks).map(|look| Mark {
        at: look.moment.since_ms,
        shape: match look.verdict {
            Verdict::Healthy => Shape::Dot,
            Verdict::Failed => Shape::Cross,
            Verdict::Unknown => Shape::Ring,
        },
        title: format!("{} {}: {}", say(look.moment.since_ms), word(&look.verdict), look.evidence),
    });
    lanes.push(marks("looks", looks.collect()));
    let told = it.told.iter().map(|t| Mark {
        at: t.moment.since_ms,
        shape: Shape::Diamond,
        title: format!("{} {}: {}", say(t.moment.since_ms), t.channel, t.text),
    });
    lanes.push(marks("people told", told.collect()));
    let acts = it.people.iter().map(|a| Mark {
        at: a.moment.since_ms,
        shape: Shape::Square,
        title: format!("{} {} {}", say(a.moment.since_ms), a.who, a.did),
    });
    lanes.push(marks("people acted", acts.collect()));
    lanes.retain(|lane| !(lane.bars.is_empty() && lane.marks.is_empty()));
    lanes
}

fn attempt_lane(it: &PostMortem, a: &AttemptPart, n: usize) -> Lane {
    let from = a.planned.since_ms;
    let to = a.ended.as_ref().map_or(it.until.since_ms, |m| m.since_ms);
    let mut bars = vec![Bar {
        from,
        to,
        class: "f-idle",
        label: String::new(),
        title: format!("attempt {n}, {}: {}", a.runbook, say(to.saturating_sub(from))),
    }];
    for step in &a.steps {
        for one in &step.tries {
            let class = if one.succeeded { "f-run" } else { "f-bad" };
            let what = if one.undo { format!("undo {}", step.id) } else { step.id.clone() };
            let ended = one.ended.as_deref().unwrap_or("nobody knows how it ended");
            bars.push(Bar {
                from: one.moment.since_ms,
                to: one.to_ms.unwrap_or(to),
                class,
                label: what.clone(),
                title: format!("step {what}, from {}: {ended}", say(one.moment.since_ms)),
            });
        }
    }
    let looked = a.looks.iter().filter(|look| look.purpose == "verification").map(|l| l.moment.since_ms);
    let done = a.steps.iter().flat_map(|s| &s.tries).filter_map(|t| t.to_ms).max();
    if let (Some(done), Some(last)) = (done, looked.max()) {
        bars.push(Bar {
            from: done.min(last),
            to: last,
            class: "f-look",
            label: "verification".into(),
            title: format!("verification, {}", say(last.saturating_sub(done))),
        });
    }
    Lane { name: format!("attempt {n}"), bars, marks: Vec::new() }
}

fn state_class(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open | IncidentState::Held => "f-wait",
        IncidentState::Remediating => "f-run",
        IncidentState::Watching => "f-good",
        IncidentState::Escalated | IncidentState::Frozen => "f-bad",
        IncidentState::Closed => "f-idle",
    }
}

fn x(at: u64, to: u64) -> u64 {
    let width = u128::from(WIDTH - LEFT - RIGHT);
    LEFT + u64::try_from(width * u128::from(at.min(to)) / u128::from(to.max(1))).unwrap_or(0)
}

fn axis(svg: &mut String, to: u64, height: u64) {
    let step = tick(to);
    let mut at = 0;
    while at <= to {
        let x = x(at, to);
        let _ =
            write!(svg, "<line class=\"grid\" x1=\"{x}\" y1=\"{TOP}\" x2=\"{x}\" y2=\"{}\"/>", height - 22);
        let _ = write!(
            svg,
            "<text class=\"axis\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            height - 7,
            say(at)
        );
        at += step;
    }
}

/// A round distance of which five to ten fit.
fn tick(to: u64) -> u64 {
    const ROUND: &[u64] = &[
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000,
        300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000,
        86_400_000,
    ];
    let fits = |step: &&u64| to / **step <= 8;
    ROUND.iter().find(fits).copied().unwrap_or_else(|| (to / 8).div_ceil(86_400_000).max(1) * 86_400_000)
}

fn draw(svg: &mut String, lane: &Lane, y: u64, to: u64) {
    let middle = y + LANE / 2;
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
        LEFT - 12,
        middle + 4,
        escape(&lane.name)
    );
    let _ = write!(
        svg,
        "<line class=\"rail\" x1=\"{LEFT}\" y1=\"{middle}\" x2=\"{}\" y2=\"{middle}\"/>",
        WIDTH - RIGHT
    );
    for bar in lane.bars.iter().filter(|bar| bar.from <= to) {
        draw_bar(svg, bar, middle, to);
    }
    for mark in lane.marks.iter().filter(|mark| mark.at <= to).take(MARKS_MAX) {
        let _ = write!(
            svg,
            "<g><title>{}</title>{}</g>",
            escape(&mark.title),
            shape(mark.shape, x(mark.at, to), middle)
        );
    }
}

fn draw_bar(svg: &mut String, bar: &Bar, middle: u64, to: u64) {
    let (from, until) = (x(bar.from, to), x(bar.to, to));
    let width = until.saturating_sub(from).max(2);
    // The attempt's own bar is the thin one behind its steps.
    let height = if bar.label.is_empty() { 6 } else { BAR };
    let _ = write!(
        svg,
        "<g><title>{}</title><rect class=\"{}\" x=\"{from}\" y=\"{}\" width=\"{width}\" height=\"{height}\" rx=\"3\"/>",
        escape(&bar.title),
        bar.class,
        middle - height / 2
    );
    // About seven units a letter.
    if !bar.label.is_empty() && width > 10 + 7 * bar.label.chars().count() as u64 {
        let _ = write!(
            svg,
            "<text class=\"on\" x=\"{}\" y=\"{}\">{}</text>",
            from + 6,
            middle + 4,
            escape(&bar.label)
        );
    }
    svg.push_str("</g>");
}

fn shape(shape: Shape, x: u64, y: u64) -> String {
    let (l, r, t, b) = (x.saturating_sub(6), x + 6, y - 6, y + 6);
    match shape {
        Shape::Dot => format!("<circle class=\"f-good\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>"),
        Shape::Ring => format!("<circle class=\"mark s-idle\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>"),
        Shape::Cross => format!("<path class=\"mark s-bad\" d=\"M{l} {t}L{r} {b}M{l} {b}L{r} {t}\"/>"),
        Shape::Diamond => format!("<path class=\"f-look\" d=\"M{x} {t}L{r} {y}L{x} {b}L{l} {y}Z\"/>"),
        Shape::Triangle => format!("<path class=\"f-bad\" d=\"M{x} {t}L{r} {b}L{l} {b}Z\"/>"),
        Shape::Square => format!("<rect class=\"f-run\" x=\"{l}\" y=\"{t}\" width=\"11\" height=\"11\"/>"),
    }
}

fn legend() -> String {
    let all = [
        (Shape::Triangle, "reported"),
        (Shape::Dot, "seen good"),
        (Shape::Cross, "seen bad"),
        (Shape::Ring, "could not be told"),
        (Shape::Diamond, "people told"),
        (Shape::Square, "a person acted"),
    ];
    let items = all.map(|(mark, name)| {
        let drawn = shape(mark, 8, 8);
        format!("<li><svg viewBox=\"0 0 16 16\" aria-hidden=\"true\">{drawn}</svg>{name}</li>")
    });
    format!("<ul class=\"keys\">{}</ul>\n", items.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_to_nine_ticks_fit_whatever_the_span() {
        for to in [1, 7, 950, 12_000, 61_000, 3_600_000, 86_400_000, 40 * 86_400_000] {
            let ticks = to / tick(to);
            assert!((1..=8).contains(&ticks), "{to}: {ticks}");
        }
    }

    #[test]
    fn a_place_is_within_the_chart() {
        assert_eq!([x(0, 10), x(10, 10), x(99, 10), x(5, 0)], [LEFT, WIDTH - RIGHT, WIDTH - RIGHT, LEFT]);
    }
}
