//! The figures in Markdown.

use std::fmt::Write as _;

use super::{
    cpu::GROUPS,
    figures::Figures,
    rounds::{Results, Row},
};

/// The medians of every lane and server.
pub(super) fn calls(results: &[Results<'_>]) -> String {
    let groups = GROUPS.join(" | ");
    let rule = "---:|".repeat(GROUPS.len() + 6);
    let mut table = format!(
        "| lane | server | CPU µs | × nginx | {groups} | per second | p50 µs | p99 µs | at rest after ms |\n\
         |---|---|{rule}\n"
    );
    for Results { lane, rows } in results {
        let yardstick = rows.first().map_or(f64::NAN, |row| Figures::median(&row.rounds).cpu);
        for row in rows.iter().filter(|row| !row.rounds.is_empty()) {
            let _ = writeln!(table, "| {} | {}", lane.name, line(row, yardstick));
        }
    }
    let rounds = results.iter().flat_map(|results| &results.rows).map(|row| row.rounds.len());
    let _ = writeln!(
        table,
        "\nMedians; rounds in turn: {}. CPU: of the whole process tree, for one exchange, until nothing is left to \
         do.",
        rounds.min().unwrap_or_default()
    );
    table
}

fn line(row: &Row<'_>, yardstick: f64) -> String {
    let median = Figures::median(&row.rounds);
    let named = row.server.has_named_threads();
    let groups = median.groups.map(|micros| if named { format!("{micros:.1}") } else { "–".to_owned() });
    let rest = if named { format!("{:.0}", median.quiet_ms) } else { "–".to_owned() };
    format!(
        "{} | {:.1} | {:.2} | {} | {:.0} | {:.0} | {:.0} | {rest} |",
        row.server.name,
        median.cpu,
        median.cpu / yardstick,
        groups.join(" | "),
        median.per_second,
        median.p50_micros,
        median.p99_micros
    )
}

/// What each server holds in memory, idle and after all rounds.
pub(super) fn memory(idle: &[(&str, u64)], after: &[(&str, u64)]) -> String {
    let mib = |kib: u64| kib as f64 / 1_024.0;
    let servers = idle.iter().zip(after);
    let each: Vec<String> = servers
        .map(|((name, idle), (_, after))| format!("{name} {:.1} → {:.1}", mib(*idle), mib(*after)))
        .collect();
    format!("Resident MiB, idle → after all rounds: {}.", each.join("; "))
}
