//! Results for a terminal.

use crate::contender::title;
use crate::goals::Goal;
use crate::measure::{Cell, Memory};
use crate::worlds::WorldResult;

fn heading(cell: &Cell) {
    println!(
        "\n{}, {} callers\n{:<32} {:>10} {:>9} {:>9} {:>12} {:>12}",
        cell.scenario.name(),
        cell.callers,
        "",
        "ops/s",
        "p50 us",
        "p99 us",
        "server us/op",
        "client us/op"
    );
}

pub fn world(result: &WorldResult) {
    let WorldResult { world, raw, ours } = result;
    println!("\n{}", world.title());
    cells(&[raw.clone(), ours.clone()]);
}

pub fn cells(cells: &[Cell]) {
    cells.first().inspect(|cell| heading(cell));
    for cell in cells {
        print!(
            "{:<32} {:>10.0} {:>9.1} {:>9.1} {:>12.2} {:>12.2}",
            title(&cell.contender),
            cell.ops_per_s,
            cell.p50_us,
            cell.p99_us,
            cell.server_cpu_us,
            cell.client_cpu_us.unwrap_or(f64::NAN),
        );
        if cell.large_per_s > 0.0 {
            print!("  {:.0} large/s", cell.large_per_s);
        }
        if cell.fell_through > 0.0 {
            print!("  ({:.3} of 1,000 calls fell through)", cell.fell_through);
        }
        println!();
    }
}

pub fn memory(memory: &[Memory]) {
    println!("\nbytes an entry on the server");
    let plain = memory.iter().find(|memory| memory.contender == "get");
    for entry in memory {
        let ratio = plain.map_or(f64::NAN, |plain| {
            entry.bytes_per_entry / plain.bytes_per_entry
        });
        println!(
            "{:<32} {:>10.0} {:>9.2} x raw GET",
            title(&entry.contender),
            entry.bytes_per_entry,
            ratio
        );
    }
}

pub fn goals(goals: &[Goal]) {
    println!("\ngoals: ratios of medians, or microseconds");
    for goal in goals {
        println!(
            "{:<52} {:<8} {:>6.2}  {} {:<5} {}",
            goal.what,
            goal.contender,
            goal.figure,
            if goal.at_least { ">=" } else { "<=" },
            goal.limit,
            if goal.met { "met" } else { "NOT MET" }
        );
    }
}
