//! What a plan learns at once: from which conflict, and what it costs in bytes.
//!
//! Stands on `programs` and on the checks of `tests`. Most tests have a picture of what was
//! recorded; `│` are events of the thread that runs the iteration, and so bounds of sections.

use super::programs::{Act, Order, Program, record};
use super::tests::{bytes, check, kept_apart, plan, replay, team};
use super::*;
use alloc::vec;

/// A block: asked for, and released by the next act of its thread.
fn block(size: usize, turn: usize) -> [Act; 2] {
    [Act::Ask(size), Act::Release(turn)]
}

/// So many blocks, one after the other.
fn blocks(size: usize, count: usize) -> Vec<Act> {
    (0..count).flat_map(|i| block(size, 2 * i)).collect()
}

/// Two blocks that are alive together.
fn nested(size: usize) -> Vec<Act> {
    let ends = [Act::Release(0), Act::Release(1)];
    [[Act::Ask(size); 2], ends].concat()
}

/// Learns once from what an order misses, and misses nothing after that.
fn assert_learns_at_once(team: &mut TeamRequests, program: &Program, order: &Order) {
    let (missed, conflicts) = replay(&plan(team), program, order);
    assert!(missed > 0);
    assert!(team.learn(&conflicts));
    check(team).unwrap();
    assert_eq!(replay(&plan(team), program, order), (0, Vec::new()));
}

/// ```text
/// thread 0   │ marker       │                   │ marker │
/// thread 1      ├─ own ─┤ - - - - - - - - - -┤
/// thread 2                    ├─ task ─┤├─ task ─┤
/// ```
#[test]
fn a_block_that_lasts_into_a_section_of_tasks_lasts_to_its_end() {
    let program = vec![blocks(80, 2), blocks(400, 1), blocks(600, 2)];
    let mut team = team(&record(&program, &vec![0, 1, 1, 0, 2, 2, 2, 2, 0, 0]));
    let bounds = |team: &TeamRequests| {
        let pools = team.pools().into_iter();
        pools.map(|it| (it.lower, it.upper)).collect::<Vec<_>>()
    };
    assert_eq!((bounds(&team), bytes(&mut team)), (vec![(3, 8)], 600));
    let late = vec![0, 1, 0, 2, 2, 2, 2, 1, 0, 0];
    assert_learns_at_once(&mut team, &program, &late);
    assert_eq!(team.all[1].upper(), Some(8));
    // The section is not cut in two.
    assert_eq!((bounds(&team), bytes(&mut team)), (vec![(3, 8)], 1000));
}

/// ```text
/// thread 0   │           │                      │ marker │
/// thread 1   ├─ task ─┤├─ task - - - - - - - -┤
/// thread 2                     ├─── own ───┤
/// ```
#[test]
fn tasks_that_last_until_another_block_begins_keep_their_bytes_until_then() {
    let own = [block(400, 0), block(720, 2)].concat();
    let program = vec![blocks(80, 1), blocks(600, 2), own];
    let mut team = team(&record(&program, &vec![1, 1, 1, 1, 2, 2, 2, 2, 0, 0]));
    assert_eq!(bytes(&mut team), 720);
    let late = vec![1, 1, 1, 2, 1, 2, 2, 2, 0, 0];
    assert_learns_at_once(&mut team, &program, &late);
    // Not until the one after it begins.
    assert_eq!(bytes(&mut team), 1000);
}

/// ```text
/// thread 1   ├─ a ─┤- - - - -┤
/// thread 2             ├──────── b ────────┤
/// thread 3                     ├── c ──┤
/// ```
#[test]
fn blocks_that_met_last_no_longer_than_that() {
    let program = vec![Vec::new(), blocks(480, 1), blocks(600, 1), blocks(400, 1)];
    let mut team = team(&record(&program, &vec![1, 1, 2, 3, 3, 2]));
    assert_eq!(bytes(&mut team), 1000);
    assert_learns_at_once(&mut team, &program, &vec![1, 2, 1, 3, 3, 2]);
    assert_eq!(bytes(&mut team), 1080);
    assert_learns_at_once(&mut team, &program, &vec![1, 2, 3, 1, 3, 2]);
    assert_eq!(bytes(&mut team), 1480);
}

#[test]
fn of_several_blocks_that_met_the_last_one_counts() {
    let program = vec![Vec::new(), blocks(480, 1), blocks(600, 1), blocks(400, 1)];
    let mut team = team(&record(&program, &vec![1, 1, 2, 2, 3, 3]));
    let holder = 0;
    let met = [2, 1, 2].map(|block| Conflict::Occupied { block, holder });
    assert!(team.learn(&met));
    assert_eq!(team.all[0].upper(), Some(5));
    assert!(!team.learn(&met));
}

/// ```text
/// thread 1   ├─ task ─┤├─ task ─┤        thread 1   ├─ task ─┤
///                                        thread 2     ├─ task ─┤
/// ```
#[test]
fn a_pool_gets_a_block_more_and_one_more_request_where_it_has_too_few() {
    let recorded = vec![Vec::new(), blocks(600, 2)];
    let mut team = team(&record(&recorded, &vec![1; 4]));
    assert_eq!(bytes(&mut team), 600);
    let two = vec![Vec::new(), blocks(600, 1), blocks(600, 1)];
    assert_learns_at_once(&mut team, &two, &vec![1, 2, 1, 2]);
    assert_eq!((team.len(), bytes(&mut team)), (2, 1200));
    let three = [&two[..], &[blocks(600, 1)]].concat();
    assert_learns_at_once(&mut team, &three, &vec![1, 2, 3, 1, 2, 3]);
    assert_eq!((team.len(), bytes(&mut team)), (3, 1800));
}

/// ```text
/// thread 0   │ marker │                                          │ marker │
/// thread 1              ├─ own ─┤
/// thread 2                          ├─ task ─┤├─ task ─┤
/// ```
#[test]
fn what_comes_once_more_may_come_at_any_time_of_its_section() {
    let program = |own| vec![blocks(80, 2), own, blocks(600, 2)];
    let recorded = program(blocks(400, 1));
    let mut team = team(&record(&recorded, &vec![0, 0, 1, 1, 2, 2, 2, 2, 0, 0]));
    assert_eq!((bytes(&mut team), team.len()), (600, 5));
    let twice = program(nested(400));
    let order = vec![0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0];
    assert_learns_at_once(&mut team, &twice, &order);
    assert_eq!((bytes(&mut team), team.len()), (1400, 6));
    let longer = vec![0, 0, 1, 1, 2, 2, 2, 2, 1, 1, 0, 0];
    assert_eq!(replay(&plan(&mut team), &twice, &longer), (0, Vec::new()));
}

/// ```text
/// thread 0   │                            │ marker │
/// thread 1     ├─ task ─┤├─ task - - - - - - - - - - - - ┤
/// thread 2                                            ├─ other ─┤├─ other ─┤
/// ```
#[test]
fn a_task_that_lasts_into_another_section_costs_a_block_there() {
    let program = vec![blocks(80, 1), blocks(600, 2), blocks(400, 2)];
    let mut team = team(&record(&program, &vec![1, 1, 1, 1, 0, 0, 2, 2, 2, 2]));
    assert_eq!(bytes(&mut team), 600);
    let late = vec![1, 1, 1, 0, 0, 2, 2, 1, 2, 2];
    let (_, conflicts) = replay(&plan(&mut team), &program, &late);
    assert!(team.learn(&conflicts));
    check(&mut team).unwrap();
    // Together they would take 1000.
    assert_eq!(bytes(&mut team), 800);
}

/// ```text
/// thread 0   │                            │ marker │
/// thread 1     ├─ large ─┤├─ large - - - - - - - - - - - ┤
/// thread 2                                            ├─ small ─┤├─ small ─┤
/// ```
#[test]
fn a_task_much_larger_than_those_of_another_section_lasts_into_that() {
    let program = vec![blocks(80, 1), blocks(6400, 2), blocks(64, 2)];
    let mut team = team(&record(&program, &vec![1, 1, 1, 1, 0, 0, 2, 2, 2, 2]));
    assert_eq!(bytes(&mut team), 6400);
    // However many blocks there were for small ones, the large one could hold them all.
    assert_learns_at_once(&mut team, &program, &vec![1, 1, 1, 0, 0, 2, 2, 1, 2, 2]);
    assert_eq!(bytes(&mut team), 6480);
}

#[test]
fn a_task_up_to_eight_times_as_large_costs_a_block() {
    for (large, expected) in [(512, 2), (520, 1)] {
        let program = vec![blocks(80, 1), blocks(large, 2), blocks(64, 2)];
        let mut team = team(&record(&program, &vec![1, 1, 1, 1, 0, 0, 2, 2, 2, 2]));
        let late = vec![1, 1, 1, 0, 0, 2, 2, 1, 2, 2];
        let (_, conflicts) = replay(&plan(&mut team), &program, &late);
        assert!(team.learn(&conflicts));
        assert_eq!(
            team.pools().iter().map(|pool| pool.blocks).max(),
            Some(expected)
        );
    }
}

/// ```text
/// recorded   thread 1   ├─ a ─┤├─ b ─┤
///            thread 2                   ├─ a ────┤
///                                        ├─ c ─────┤
/// ```
#[test]
fn lanes_apart_have_pools_of_what_either_may_take() {
    let second = [[480, 2000].map(Act::Ask), [0, 1].map(Act::Release)].concat();
    let first = [block(480, 0), block(704, 2)].concat();
    let program = vec![Vec::new(), first, second];
    let recording = record(&program, &vec![1, 1, 1, 1, 2, 2, 2, 2]);
    let mut team = kept_apart(&team(&recording));
    // Thread 2 takes the first `a`, which thread 1 had.
    let order = vec![2, 1, 1, 1, 1, 2, 2, 2];
    assert_eq!(replay(&plan(&mut team), &program, &order), (0, Vec::new()));
    assert_eq!(bytes(&mut team), 2 * 480 + 704 + 2000);
}

/// ```text
/// thread 1   ├─ 480 ─┤           ├─ 704 ─┤
/// thread 2             ├─ 600 ─┤           ├─ 2000 ─┤
/// ```
#[test]
fn lanes_apart_share_bytes_within_each_lane() {
    let of_thread = |sizes: [usize; 2]| [block(sizes[0], 0), block(sizes[1], 2)].concat();
    let program = vec![Vec::new(), of_thread([480, 704]), of_thread([600, 2000])];
    let recording = record(&program, &vec![1, 1, 2, 2, 1, 1, 2, 2]);
    let mut team = kept_apart(&team(&recording));
    assert_eq!(bytes(&mut team), 704 + 2000);
}

#[test]
fn a_pool_has_room_for_what_one_of_its_requests_grew_to() {
    let program = vec![Vec::new(), blocks(600, 3)];
    for grown in 0..3 {
        let mut team = team(&record(&program, &vec![1; 6]));
        team.all[grown].request.largest = 904;
        check(&mut team).unwrap();
        assert_eq!(bytes(&mut team), 904);
    }
}

#[test]
fn what_is_kept_has_no_block_and_shifts_no_other() {
    let keeper = [&[Act::Ask(300)], &block(480, 1)[..]].concat();
    let program = vec![Vec::new(), keeper, blocks(600, 1)];
    let mut team = team(&record(&program, &vec![1, 1, 1, 2, 2]));
    let side_by_side = vec![1, 1, 2, 1, 2];
    let (missed, conflicts) = replay(&plan(&mut team), &program, &side_by_side);
    let (block, holder) = (1, 0);
    let expected = [Conflict::Occupied { block, holder }];
    assert_eq!((missed, &conflicts[..]), (2, &expected[..]));
    assert!(team.learn(&conflicts));
    check(&mut team).unwrap();
    // What is kept is not planned.
    assert_eq!(
        replay(&plan(&mut team), &program, &side_by_side),
        (1, Vec::new())
    );
}

#[test]
fn lanes_beyond_the_most_are_left_out() {
    let program = vec![blocks(80, 1), blocks(400, 1), blocks(600, 1)];
    let recording = record(&program, &vec![0, 0, 1, 1, 2, 2]);
    for (lanes, expected) in [(1, 1), (2, 2), (3, 3), (9, 3)] {
        let team = TeamRequests::new(&recording, lanes).unwrap();
        assert_eq!(team.len(), expected);
    }
}

/// A program of two helpers with one block each.
fn two_helpers(sizes: [usize; 2]) -> Program {
    let part = |size| alloc::vec![Act::Ask(size), Act::Release(0)];
    alloc::vec![Vec::new(), part(sizes[0]), part(sizes[1])]
}

#[test]
fn blocks_that_met_have_bytes_of_their_own_from_then_on() {
    let program = two_helpers([500, 600]);
    let mut team = team(&record(&program, &alloc::vec![1, 1, 2, 2]));
    assert_eq!(bytes(&mut team), 600);
    let side_by_side = alloc::vec![1, 2, 1, 2];
    let (missed, conflicts) = replay(&plan(&mut team), &program, &side_by_side);
    let (block, holder) = (1, 0);
    assert_eq!(
        (missed, &conflicts[..]),
        (1, &[Conflict::Occupied { block, holder }][..])
    );
    assert!(team.learn(&conflicts));
    assert_eq!(replay(&plan(&mut team), &program, &side_by_side).0, 0);
    assert_eq!(bytes(&mut team), 500 + 600);
    // There is no more to learn from it.
    assert!(!team.learn(&conflicts));
    // Blocks that are of no request teach nothing.
    let unknown = [
        Conflict::Exhausted(2),
        Conflict::Occupied { block, holder: 2 },
    ];
    assert!(!team.learn(&unknown));
}

#[test]
fn a_request_that_came_once_more_is_expected_from_then_on() {
    let program = two_helpers([500, 600]);
    let mut team = team(&record(&program, &alloc::vec![1, 1, 2, 2]));
    let more = alloc::vec![
        Vec::new(),
        alloc::vec![
            Act::Ask(500),
            Act::Ask(500),
            Act::Release(0),
            Act::Release(1)
        ],
        alloc::vec![Act::Ask(600), Act::Release(0)],
    ];
    let order = alloc::vec![1, 1, 1, 1, 2, 2];
    let (missed, conflicts) = replay(&plan(&mut team), &more, &order);
    assert_eq!((missed, &conflicts[..]), (1, &[Conflict::Exhausted(0)][..]));
    for rounds in 0.. {
        let (missed, conflicts) = replay(&plan(&mut team), &more, &order);
        if missed == 0 {
            break;
        }
        assert!(rounds < 3 && team.learn(&conflicts));
        check(&mut team).unwrap();
    }
    assert_eq!(team.len(), 3);
}

/// What a helper keeps is of the size of its tasks, and comes behind them.
#[test]
fn what_helpers_keep_is_not_mistaken_for_their_tasks() {
    let own = [Act::Ask(2000), Act::Release(0)];
    let tasks = [2, 4].map(|turn| [Act::Ask(64), Act::Release(turn)]);
    let helper = [&own[..], &tasks.concat(), &[Act::Ask(64)]].concat();
    let program = alloc::vec![Vec::new(), helper];
    let order = alloc::vec![1; program[1].len()];
    let mut team = team(&record(&program, &order));
    // The one that is kept is not planned.
    assert_eq!(replay(&plan(&mut team), &program, &order), (1, Vec::new()));
    let without = alloc::vec![Vec::new(), program[1][..6].to_vec()];
    assert_eq!(
        replay(&plan(&mut team), &without, &order[..6].to_vec()).0,
        0
    );
}
