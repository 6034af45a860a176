//! What is to be measured, from the command line.

use std::time::Duration;

use crate::contender::NAMES;
use crate::load::Scenario;
use crate::measure::Effort;
use crate::worlds::World;

#[derive(Debug)]
pub struct Args {
    pub contenders: Vec<&'static str>,
    pub scenarios: Vec<Scenario>,
    pub worlds: Vec<World>,
    pub callers: Vec<usize>,
    pub effort: Effort,
    /// Whether nothing is measured, and the last run's results are shown.
    pub draw: bool,
    pub publish: bool,
}

impl Args {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self {
            contenders: NAMES.to_vec(),
            scenarios: Scenario::ALL.to_vec(),
            worlds: World::ALL.to_vec(),
            callers: vec![1, 16, 64, 256],
            effort: Effort {
                rounds: 15,
                slice: Duration::from_millis(40),
            },
            draw: false,
            publish: false,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                // What cargo itself hands to a bench.
                "--bench" => {}
                "--quick" => {
                    args.effort = Effort {
                        rounds: 5,
                        slice: Duration::from_millis(25),
                    }
                }
                "--draw" => args.draw = true,
                "--publish" => args.publish = true,
                "--only" => args.contenders = list(&value()?, |name| named(name, &NAMES))?,
                "--scenarios" => {
                    args.scenarios = list(&value()?, scenario)?;
                    args.worlds.clear();
                }
                "--worlds" => {
                    args.worlds = list(&value()?, world)?;
                    args.scenarios.clear();
                }
                "--callers" => args.callers = list(&value()?, number)?,
                "--rounds" => args.effort.rounds = number(&value()?)?.max(1),
                "--slice" => {
                    args.effort.slice = Duration::from_millis(number(&value()?)?.max(1) as u64);
                }
                other => {
                    return Err(format!(
                        "unknown argument {other}; see benches/hits/main.rs"
                    ));
                }
            }
        }
        Ok(args)
    }
}

fn list<T>(text: &str, item: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').map(item).collect()
}

fn named(name: &str, names: &[&'static str]) -> Result<&'static str, String> {
    let found = names.iter().find(|known| **known == name);
    found
        .copied()
        .ok_or(format!("{name} is none of {}", names.join(", ")))
}

fn scenario(name: &str) -> Result<Scenario, String> {
    let found = Scenario::ALL
        .iter()
        .find(|scenario| scenario.name() == name);
    let names = Scenario::ALL.map(Scenario::name).join(", ");
    found.copied().ok_or(format!("{name} is none of {names}"))
}

fn world(name: &str) -> Result<World, String> {
    let found = World::ALL.iter().find(|world| world.name() == name);
    let names = World::ALL.map(World::name).join(", ");
    found.copied().ok_or(format!("{name} is none of {names}"))
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}
