//! What `cargo bench --bench end_to_end -- check` says about two reports: a gate that stays silent is none.

#[path = "../../benches/end_to_end/check.rs"]
mod check;
#[path = "../../benches/end_to_end/report.rs"]
mod report;

use check::{Comparison, Outcome, compare};
use report::{Figure, Goal, Report, Run, Side, Verdict, linearity, median, turn_ratios};
use serde_json::{Value, json};

/// A report of two workloads, as the bench writes it. orders: the program takes 2 s, psql 4 s, indexed: row by row
/// 60 s, in batches 1 s.
fn document() -> Value {
    let runs = |wall: f64| -> Value {
        [wall - 0.5, wall, wall + 0.1]
            .map(|wall| {
                json!({"wall_seconds": wall, "cpu_seconds": wall / 2.0, "peak_memory_bytes": 1_000_000})
            })
            .into()
    };
    let side = |name: &str, is_ours: bool, rows: u64, wall: f64| json!({"name": name, "is_ours": is_ours, "rows": rows, "runs": runs(wall)});
    json!({
        "format": 1,
        "commit": "1234567",
        "version": "0.1.0",
        "date": "2026-01-02T03:04:05Z",
        "profile": "release",
        "machine": {"cpu": "A", "cores": 2, "memory_bytes": 8_589_934_592_u64, "os": "Linux 6.1"},
        "server": {"version": "15.1", "settings": {"fsync": "on"}},
        "workloads": [
            {
                "id": "orders",
                "what": "into an existing table",
                "shape": "orders",
                "rows": 1000,
                "sides": [side("sheetload", true, 1000, 2.0), side("psql", false, 1000, 4.0)],
                "figure": {"kind": "ratio", "of": "wall", "better": "lower", "turns": [0.4, 0.5, 0.6], "goal": {"at_most": 0.7}}
            },
            {
                "id": "indexed",
                "what": "row by row against in batches",
                "shape": "businesses",
                "rows": 100,
                "sides": [side("sequential", true, 100, 60.0), side("batch", true, 100, 1.0)],
                "figure": {"kind": "ratio", "of": "wall", "better": "higher", "turns": [60.0], "goal": null}
            }
        ]
    })
}

fn report_of(document: &Value) -> Report {
    serde_json::from_value(document.clone()).unwrap()
}

/// Compares the document with a changed one, at 10 %.
fn compared(change: impl FnOnce(&mut Value)) -> Comparison {
    let before = document();
    let mut after = before.clone();
    change(&mut after);
    compare(&report_of(&before), &report_of(&after), 10.0)
}

/// The figures that are worse: workload, side, change in percent.
fn worse(comparison: &Comparison) -> Vec<(String, String, i64)> {
    let lines = comparison.lines.iter().filter(|line| line.is_worse);
    lines
        .map(|line| {
            let percent = line.worse_percent.round() as i64;
            (line.workload.clone(), line.figure(), percent)
        })
        .collect()
}

/// Makes every run of a side take so many times as much of something.
fn scale(workload: &mut Value, side: usize, what: &str, factor: f64) {
    for run in workload["sides"][side]["runs"].as_array_mut().unwrap() {
        let scaled = run[what].as_f64().unwrap() * factor;
        run[what] = match run[what].is_u64() {
            true => json!(scaled.round() as u64),
            false => json!(scaled),
        };
    }
}

#[test]
fn a_report_is_no_worse_than_itself() {
    let comparison = compared(|_same| {});
    assert_eq!(comparison.outcome(), Outcome::Good);
    assert!(comparison.notes.is_empty(), "{:?}", comparison.notes);
    // Of orders the program's wall, CPU, memory and the ratio; of indexed those of two sides.
    assert_eq!(comparison.lines.len(), 4 + 7);
    let wall = &comparison.lines[0];
    assert_eq!((wall.before, wall.after), (2.0, 2.0));
}

#[test]
fn each_of_wall_cpu_and_memory_counts_by_its_median() {
    for (what, figure) in [
        ("wall_seconds", "sheetload wall"),
        ("cpu_seconds", "sheetload CPU"),
        ("peak_memory_bytes", "sheetload memory"),
    ] {
        let comparison = compared(|after| scale(&mut after["workloads"][0], 0, what, 1.2));
        assert_eq!(
            worse(&comparison),
            [("orders".into(), figure.to_owned(), 20)]
        );
        assert_eq!(comparison.outcome(), Outcome::Worse(1));
        let within = compared(|after| scale(&mut after["workloads"][0], 0, what, 1.09));
        assert_eq!(within.outcome(), Outcome::Good);
        let better = compared(|after| scale(&mut after["workloads"][0], 0, what, 0.5));
        assert_eq!(better.outcome(), Outcome::Good);
    }
    let one_slow_run = compared(|after| {
        after["workloads"][0]["sides"][0]["runs"][0]["wall_seconds"] = json!(100.0);
    });
    // The median of 1.5, 2 and 2.1 is 2, that of 100, 2 and 2.1 is 2.1.
    assert_eq!(one_slow_run.outcome(), Outcome::Good);
}

#[test]
fn the_other_side_may_change_as_it_likes() {
    let comparison = compared(|after| scale(&mut after["workloads"][0], 1, "wall_seconds", 3.0));
    assert_eq!(comparison.outcome(), Outcome::Good);
}

#[test]
fn a_ratio_gets_worse_in_its_own_direction() {
    let higher =
        compared(|after| after["workloads"][0]["figure"]["turns"] = json!([0.6, 0.7, 0.8]));
    assert_eq!(worse(&higher), [("orders".into(), "ratio".to_owned(), 40)]);
    let lower = compared(|after| after["workloads"][1]["figure"]["turns"] = json!([40.0]));
    assert_eq!(worse(&lower), [("indexed".into(), "ratio".to_owned(), 50)]);
    for (workload, turns) in [(0, json!([0.2])), (1, json!([100.0]))] {
        let better = compared(|after| after["workloads"][workload]["figure"]["turns"] = turns);
        assert_eq!(better.outcome(), Outcome::Good);
    }
}

#[test]
fn linearity_gets_worse_away_from_one() {
    let linear = |value: f64| {
        let mut document = document();
        document["workloads"][0]["figure"] =
            json!({"kind": "linearity", "value": value, "goal": {"around_one": 0.1}});
        report_of(&document)
    };
    for (before, after, outcome) in [
        (1.0, 1.05, Outcome::Good),
        (1.0, 1.2, Outcome::Worse(1)),
        (1.0, 0.8, Outcome::Worse(1)),
        (1.2, 0.8, Outcome::Good),
    ] {
        let comparison = compare(&linear(before), &linear(after), 10.0);
        assert_eq!(comparison.outcome(), outcome, "{before} to {after}");
    }
}

#[test]
fn sides_of_one_name_are_told_apart_by_their_rows() {
    let two_sizes = |document: &mut Value| {
        let mut larger = document["workloads"][0]["sides"][0].clone();
        larger["rows"] = json!(5000);
        document["workloads"][0]["sides"]
            .as_array_mut()
            .unwrap()
            .push(larger);
    };
    let mut before = document();
    two_sizes(&mut before);
    let mut after = before.clone();
    scale(&mut after["workloads"][0], 2, "wall_seconds", 2.0);
    let comparison = compare(&report_of(&before), &report_of(&after), 10.0);
    assert_eq!(
        worse(&comparison),
        [("orders".into(), "sheetload wall".to_owned(), 100)]
    );
}

#[test]
fn between_machines_only_ratios_are_compared() {
    for (fact, value) in [
        ("cpu", json!("B")),
        ("cores", json!(64)),
        ("memory_bytes", json!(1_u64 << 40)),
    ] {
        let comparison = compared(|after| {
            after["machine"][fact] = value;
            scale(&mut after["workloads"][0], 0, "wall_seconds", 10.0);
            after["workloads"][0]["figure"]["turns"] = json!([0.9]);
        });
        assert_eq!(
            worse(&comparison),
            [("orders".into(), "ratio".to_owned(), 80)]
        );
        assert_eq!(comparison.lines.len(), 2);
        assert_eq!(comparison.notes.len(), 1);
        assert!(comparison.notes[0].contains("machines differ"));
    }
    // A kernel's update takes some pages of the memory.
    let comparison = compared(|after| {
        after["machine"]["os"] = json!("Linux 6.2");
        after["machine"]["memory_bytes"] = json!(8_589_000_000_u64);
    });
    assert_eq!(comparison.lines.len(), 11);
}

#[test]
fn nothing_in_common_is_not_well() {
    let nothing: [fn(&mut Value); 5] = [
        |after| after["workloads"] = json!([]),
        |after| {
            after["workloads"][0]["id"] = json!("other");
            after["workloads"][1]["rows"] = json!(200);
        },
        |after| {
            after["workloads"][0]["shape"] = json!("businesses");
            after["workloads"].as_array_mut().unwrap().truncate(1);
        },
        |after| after["profile"] = json!("dist"),
        |after| after["format"] = json!(2),
    ];
    for change in nothing {
        let comparison = compared(change);
        assert_eq!(comparison.outcome(), Outcome::NothingComparable);
        assert!(!comparison.notes.is_empty());
    }
}

#[test]
fn what_was_left_out_is_named() {
    let comparison = compared(|after| {
        after["workloads"][0]["rows"] = json!(2000);
        after["workloads"][1]["id"] = json!("other");
        after["server"]["version"] = json!("18.1");
    });
    let notes = comparison.notes.join("\n");
    for text in [
        "15.1 and 18.1",
        "orders: 1000 rows of orders before, 2000 of orders after",
        "indexed: not in the second report",
        "other: not in the first report",
    ] {
        assert!(notes.contains(text), "{text:?} is not in {notes}");
    }
}

#[test]
fn what_is_no_number_is_worse() {
    let comparison = compared(|after| {
        for run in after["workloads"][0]["sides"][0]["runs"]
            .as_array_mut()
            .unwrap()
        {
            run["peak_memory_bytes"] = json!(0);
        }
    });
    // From something to nothing is no loss, the other way round it is without bound.
    assert_eq!(comparison.outcome(), Outcome::Good);
    let (mut before, after) = (document(), document());
    before["workloads"][0]["figure"]["turns"] = json!([0.0]);
    let comparison = compare(&report_of(&before), &report_of(&after), 10.0);
    assert_eq!(comparison.outcome(), Outcome::Worse(1));
    before["workloads"][0]["figure"]["turns"] = json!([0.0]);
    let comparison = compare(&report_of(&before), &report_of(&before), 10.0);
    assert_eq!(comparison.outcome(), Outcome::Worse(1));
}

#[test]
fn a_report_is_read_as_it_was_written() {
    let report = report_of(&document());
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    assert_eq!(serde_json::to_value(&report).unwrap(), document());
}

fn side(rows: u64, walls: &[f64]) -> Side {
    let run = |wall: &f64| Run {
        wall_seconds: *wall,
        cpu_seconds: 0.0,
        peak_memory_bytes: 0,
    };
    Side {
        name: String::new(),
        is_ours: true,
        rows,
        runs: walls.iter().map(run).collect(),
    }
}

#[test]
fn medians_are_those_of_school() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[3.0]), Some(3.0));
    assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
}

#[test]
fn ratios_are_those_of_the_same_turn() {
    let (over, under) = (side(1, &[1.0, 9.0]), side(1, &[2.0, 3.0]));
    assert_eq!(turn_ratios(report::Metric::Wall, &over, &under), [0.5, 3.0]);
}

#[test]
fn linearity_leaves_the_fixed_cost_out() {
    // 0.5 s and 1 ms a row.
    let (small, middle) = (side(100, &[0.6]), side(1_000, &[1.5]));
    for (largest, expected) in [(10.5, 1.0), (20.5, 2.0), (5.5, 0.5)] {
        let sides = [small.clone(), middle.clone(), side(10_000, &[largest])];
        let found = linearity(&sides).unwrap();
        assert!((found - expected).abs() < 1e-9, "{largest}: {found}");
    }
    assert_eq!(linearity(&[small, middle]), None);
}

#[test]
fn a_goal_is_reached_or_missed_by_a_percentage() {
    let figure = |value: f64, goal: Option<Goal>| Figure::Linearity { value, goal };
    for (value, goal, verdict) in [
        (1.0, Some(Goal::AtMost(1.0)), Verdict::Reached),
        (1.5, Some(Goal::AtMost(1.0)), Verdict::Missed(50.0)),
        (50.0, Some(Goal::AtLeast(50.0)), Verdict::Reached),
        (25.0, Some(Goal::AtLeast(50.0)), Verdict::Missed(50.0)),
        (0.75, Some(Goal::AroundOne(0.25)), Verdict::Reached),
        (1.5, Some(Goal::AroundOne(0.25)), Verdict::Missed(25.0)),
        (0.5, Some(Goal::AroundOne(0.25)), Verdict::Missed(25.0)),
        (9.0, None, Verdict::NotJudged),
    ] {
        assert_eq!(
            figure(value, goal).verdict(),
            verdict,
            "{value} for {goal:?}"
        );
    }
    assert!(matches!(
        figure(f64::NAN, Some(Goal::AtMost(1.0))).verdict(),
        Verdict::Missed(_)
    ));
}
