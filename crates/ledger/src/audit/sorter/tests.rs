//! How much is held, and that nothing is lost or out of order.

use std::{collections::BTreeMap, fs, io};

use super::{KEYS_HELD_MAX, RUNS_MERGED_MAX, Sorted, Sorter};
use crate::fixtures::Dice;

/// Puts `count` keys of a seed through a sorter that may hold `held_max`, asserts what comes out, and gives the most
/// that it ever held.
fn most_held(seed: u64, count: u64, held_max: usize) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let mut sorter = Sorter::<8>::holding(dir.path(), held_max);
    let (mut dice, mut most, mut sum) = (Dice::new(seed), 0, 0_u128);
    for _ in 0..count {
        let number = dice.below(u64::MAX);
        sum += u128::from(number);
        sorter.push(number.to_be_bytes()).unwrap();
        most = most.max(sorter.held.len());
    }
    let mut sorted = sorter.sorted().unwrap();
    let (mut seen, mut last) = (0, 0);
    loop {
        most = most.max(held(&sorted));
        let Some(key) = sorted.next() else { break };
        let number = u64::from_be_bytes(key.unwrap());
        assert!(last <= number, "key {seen}");
        sum -= u128::from(number);
        (seen, last) = (seen + 1, number);
    }
    assert_eq!((seen, sum), (count, 0), "as many and the same came out as went in");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "its file has no name");
    most
}

fn held(sorted: &Sorted<8>) -> usize {
    match sorted {
        Sorted::Held(keys) => keys.len(),
        Sorted::Spilt(merge) => merge.held(),
    }
}

#[test]
fn however_many_keys_come_no_more_are_held_than_may_be() {
    for (count, held_max) in [(0, 100), (1, 100), (99, 100), (100, 100), (101, 100), (5_000, 100)] {
        let most = most_held(count, count, held_max);
        assert!(most <= held_max, "{most} of {count}");
    }
    // More runs than are merged at once, and more merged ones than that.
    let count = (RUNS_MERGED_MAX * RUNS_MERGED_MAX) as u64 * 100 + 7;
    let most = most_held(1, count, 100);
    assert!(most <= 100, "{most} of {count}");
}

#[test]
fn in_production_ten_times_what_may_be_held_is_never_held() {
    let most = most_held(2, 10 * KEYS_HELD_MAX as u64, KEYS_HELD_MAX);
    assert_eq!(most, KEYS_HELD_MAX);
}

#[test]
fn equal_keys_stand_together_and_none_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut sorter = Sorter::<1>::holding(dir.path(), 10);
    let mut counts = BTreeMap::<u8, u32>::new();
    let mut dice = Dice::new(3);
    for _ in 0..1_000 {
        let key = u8::try_from(dice.below(5)).unwrap();
        *counts.entry(key).or_default() += 1;
        sorter.push([key]).unwrap();
    }
    let sorted: Vec<u8> = sorter.sorted().unwrap().map(|key| key.unwrap()[0]).collect();
    let expected: Vec<u8> =
        counts.iter().flat_map(|(key, count)| std::iter::repeat_n(*key, *count as usize)).collect();
    assert_eq!(sorted, expected);
}

#[test]
fn where_no_file_can_be_made_it_says_so_and_few_keys_need_none() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    let mut few = Sorter::<1>::holding(&nowhere, 2);
    few.push([2]).unwrap();
    few.push([1]).unwrap();
    assert_eq!(few.push([0]).unwrap_err().kind(), io::ErrorKind::NotFound);
    let mut few = Sorter::<1>::holding(&nowhere, 2);
    few.push([2]).unwrap();
    assert_eq!(few.sorted().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [[2]]);
}
