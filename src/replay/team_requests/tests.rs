//! What teams ask for, against an oracle: programs of several threads that are recorded in one
//! order and replayed in others, or with other thefts of tasks.

use super::programs::{
    Act, Order, Program, draws, groups, groups_of_all, order, program, record, stolen,
    stolen_if_repeated, walk, ways,
};
use super::*;
use crate::replay::{
    matching::Matcher,
    replay_plan::map_of,
    team_matching::{Cursor, Match, Search, Taken},
};
use core::{alloc::Layout, cell::RefCell, ops::Range};
use orionrt_plan::planner::Planner;
use proptest::prelude::*;

pub(super) fn plan(team: &mut TeamRequests) -> ReplayPlan {
    let plan = team.plan(&Planner::new().nodes(100)).unwrap();
    let map = map_of(&plan, Some(&team.rows_of_blocks()));
    team.planned(map.unwrap())
}

/// What an iteration missed: the number of requests, and why.
pub(super) fn replay(
    plan: &ReplayPlan,
    program: &Program,
    order: &Order,
) -> (usize, Vec<Conflict>) {
    let team = plan.helpers.as_ref().unwrap();
    let (taken, matcher) = (Taken::new(team.template().len()), Matcher::default());
    let cursors: Vec<Cursor> = program.iter().map(|_| Cursor::new()).collect();
    let live: RefCell<BTreeMap<u32, Range<u64>>> = RefCell::default();
    let bytes = |block| plan.map.offsets(plan.map.block(block));
    let holders = |block| {
        let wanted = bytes(block);
        let live = live.borrow();
        let holders = live.iter().filter(|(_, range)| meet(range, &wanted));
        holders.map(|(&holder, _)| holder).collect::<Vec<u32>>()
    };
    let claim = |block| {
        let is_free = holders(block).is_empty();
        is_free.then(|| {
            live.borrow_mut().insert(block, bytes(block));
            block
        })
    };
    let front = || {
        cursors
            .iter()
            .filter_map(Cursor::last_near)
            .max()
            .unwrap_or(0)
    };
    let (mut granted, mut missed, mut conflicts) = (BTreeMap::new(), 0, Vec::new());
    walk(program, order, |thread, turn, act| {
        let size = match act {
            Act::Ask(size) => size,
            Act::Release(turn) => {
                if let Some(block) = granted.remove(&(thread, turn)) {
                    live.borrow_mut().remove(&block);
                }
                return;
            }
        };
        let layout = Layout::from_size_align(size, 8).unwrap();
        let found = if thread == 0 {
            let expected = matcher.in_order(&plan.own, layout);
            let expected = expected.or_else(|| matcher.resynchronise(&plan.own, layout));
            match expected.and_then(|expected| expected.block()) {
                Some(block) => claim(block).map_or(Match::Occupied(block), Match::Claimed),
                None => Match::Unmatched,
            }
        } else {
            let (of, taken) = (team, &taken);
            let search = Search {
                of,
                taken,
                layout,
                claim,
            };
            let cursor = &cursors[thread];
            let found = search.in_order(cursor);
            found.unwrap_or_else(|| search.look_around(cursor, front()))
        };
        match found {
            Match::Claimed(block) => _ = granted.insert((thread, turn), block),
            Match::Occupied(block) => {
                let holders = holders(block).into_iter();
                conflicts.extend(holders.map(|holder| Conflict::Occupied { block, holder }));
            }
            Match::Exhausted(block) => conflicts.push(Conflict::Exhausted(block)),
            Match::Outliving | Match::Unmatched => {}
        }
        missed += usize::from(!matches!(found, Match::Claimed(_)));
    });
    (missed, conflicts)
}

/// The bytes of a plan.
pub(super) fn bytes(team: &mut TeamRequests) -> u64 {
    plan(team).map.bytes()
}

/// This team with its lanes apart, whatever that takes.
pub(super) fn kept_apart(team: &TeamRequests) -> TeamRequests {
    let (mut team, learnt) = (team.clone(), PATIENCE + 1);
    (team.first_peak, team.learnt) = (Some(u64::MAX), learnt);
    let _ = plan(&mut team);
    team
}

fn meet(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Checks a plan of a team: what is alive at a time shares no bytes, and what follows a request
/// is of its thread, and comes later.
pub(super) fn check(team: &mut TeamRequests) -> Result<(), TestCaseError> {
    let plan = plan(team);
    let (blocks, pools, all) = (team.blocks(), team.pools(), &team.all);
    prop_assert!(all.is_sorted_by_key(|of| of.request.lower));
    let planned: BTreeSet<usize> = blocks.iter().copied().collect();
    prop_assert_eq!(planned.len(), blocks.len());
    prop_assert!((0..all.len()).all(|i| planned.contains(&i) == all[i].request.is_planned()));

    let pool = |i: usize| pools.iter().find(|pool| pool.members.contains(&i));
    let lifetime = |i: usize| match pool(i) {
        Some(pool) => pool.lower..pool.upper,
        None => all[i].request.lower..all[i].upper().unwrap(),
    };
    let are_apart = |a: usize, b: usize| {
        let is_one_lane = all[a].lane == all[b].lane && pool(a).is_none() && pool(b).is_none();
        team.are_lanes_apart && !is_one_lane
    };
    let bytes: Vec<Range<u64>> = (0..blocks.len() as u32)
        .map(|block| plan.map.offsets(plan.map.block(block)))
        .collect();
    for (i, &a) in blocks.iter().enumerate() {
        prop_assert!(bytes[i].end - bytes[i].start >= all[a].request.largest as u64);
        for (j, &b) in blocks.iter().enumerate().take(i) {
            let is_of_one = |pool: &Pool| pool.members.contains(&b);
            if pool(a).is_some_and(is_of_one) {
                prop_assert!(bytes[i] == bytes[j] || !meet(&bytes[i], &bytes[j]));
            } else if meet(&lifetime(a), &lifetime(b)) || are_apart(a, b) {
                prop_assert!(!meet(&bytes[i], &bytes[j]), "{} and {}", a, b);
            }
        }
    }
    for pool in &pools {
        let of = |&member: &usize| blocks.iter().position(|&it| it == member).unwrap();
        let starts: BTreeSet<u64> = pool.members.iter().map(|m| bytes[of(m)].start).collect();
        prop_assert_eq!(starts.len(), pool.blocks);
    }

    let helpers: Vec<usize> = (0..all.len()).filter(|&i| all[i].lane > 0).collect();
    let follow = team.follow();
    prop_assert_eq!(follow.len(), helpers.len());
    for (place, &request) in helpers.iter().enumerate() {
        let is_next = |&later: &usize| {
            let other = helpers[later];
            pool(other).is_none() && all[other].lane == all[request].lane
        };
        let next = || (place + 1..helpers.len()).find(is_next);
        let number = pools
            .iter()
            .position(|pool| pool.members.contains(&request));
        let expected = match (number, next()) {
            (Some(number), _) => Follow::Pool(number as u32),
            (None, Some(next)) => Follow::Next(next as u32),
            (None, None) => Follow::Nothing,
        };
        prop_assert_eq!(follow[place], expected);
    }
    for twice in all
        .windows(2)
        .filter(|two| two[0].request.lower == two[1].request.lower)
    {
        // Of a task, since only what pools lack is added.
        prop_assert!(twice.iter().all(|of| of.is_of_task));
    }
    Ok(())
}

pub(super) fn team(recording: &Recording) -> TeamRequests {
    TeamRequests::new(recording, usize::MAX).unwrap()
}

/// How often a plan may have to learn until an order that is repeated misses nothing, even where
/// lanes apart would take too many bytes. More than 16 times is rare.
const MOST_LEARNT: u32 = 64;

/// Repeats an order until the plan has learnt it.
fn check_learns(
    team: &mut TeamRequests,
    program: &Program,
    order: &Order,
) -> Result<(), TestCaseError> {
    loop {
        let (missed, conflicts) = replay(&plan(team), program, order);
        if missed == 0 {
            return Ok(());
        }
        prop_assert!(team.learnt < MOST_LEARNT, "{:?}", conflicts);
        prop_assert!(team.learn(&conflicts), "{} {:?}", missed, conflicts);
        check(team)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In the order that was recorded, each request gets its own bytes.
    #[test]
    fn the_recorded_order_misses_nothing(groups in groups(), draws in draws()) {
        let program = program(&groups);
        let order = order(&program, &draws);
        let mut team = team(&record(&program, &order));
        check(&mut team)?;
        prop_assert_eq!(replay(&plan(&mut team), &program, &order), (0, Vec::new()));
    }

    /// Another order of the same work may miss some. It teaches the plan, until it does not.
    #[test]
    fn an_order_that_is_repeated_is_learnt(
        groups in groups(), recorded in draws(), replayed in draws(),
    ) {
        let program = program(&groups);
        let mut team = team(&record(&program, &order(&program, &recorded)));
        check_learns(&mut team, &program, &order(&program, &replayed))?;
    }

    /// So does work whose tasks others do, at other times.
    #[test]
    fn tasks_that_are_stolen_are_learnt(
        groups in groups(), recorded in draws(), replayed in draws(),
        thefts in prop::collection::vec(any::<[usize; 2]>(), 0..40),
    ) {
        let recorded = record(&program(&groups), &order(&program(&groups), &recorded));
        let mut team = team(&recorded);
        let program = program(&stolen(groups, &thefts));
        check_learns(&mut team, &program, &order(&program, &replayed))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Another order of the same work in each iteration: where the region may grow, it comes to fit
    /// all of them.
    #[test]
    fn lanes_apart_fit_every_order(
        groups in groups_of_all(), recorded in draws(), ways in ways(),
    ) {
        let recorded = record(&program(&groups), &order(&program(&groups), &recorded));
        let mut team = team(&recorded);
        let first = bytes(&mut team);
        for (draws, thefts) in ways {
            let program = program(&stolen_if_repeated(groups.clone(), &thefts));
            let (missed, conflicts) = replay(&plan(&mut team), &program, &order(&program, &draws));
            if team.are_lanes_apart {
                prop_assert_eq!(missed, 0, "{:?}", conflicts);
            } else if missed > 0 {
                let learnt = team.learnt;
                prop_assert!(team.learn(&conflicts));
                prop_assert_eq!(team.learnt, learnt + 1);
                let mut by_lifetime = TeamRequests { learnt: 0, ..team.clone() };
                let by_lifetime = bytes(&mut by_lifetime);
                check(&mut team)?;
                if team.learnt > PATIENCE {
                    let apart = bytes(&mut kept_apart(&team));
                    prop_assert_eq!(team.are_lanes_apart, apart <= by_lifetime.max(2 * first));
                }
            }
        }
    }

    /// Whatever the region takes, and however the threads run.
    #[test]
    fn what_is_kept_apart_misses_nothing(
        groups in groups_of_all(), recorded in draws(), ways in ways(),
    ) {
        let recorded = record(&program(&groups), &order(&program(&groups), &recorded));
        let mut team = kept_apart(&team(&recorded));
        check(&mut team)?;
        prop_assert!(team.are_lanes_apart);
        let plan = plan(&mut team);
        for (draws, thefts) in ways {
            let program = program(&stolen_if_repeated(groups.clone(), &thefts));
            let order = order(&program, &draws);
            prop_assert_eq!(replay(&plan, &program, &order), (0, Vec::new()));
        }
    }
}
