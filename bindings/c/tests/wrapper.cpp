// The C++ wrapper, with exceptions and, compiled once more, without.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <orionrt/plan.hpp>

#define CHECK(condition)                                                                   \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      std::cerr << __FILE__ << ':' << __LINE__ << ": " << #condition << " does not hold\n"; \
      std::exit(EXIT_FAILURE);                                                             \
    }                                                                                      \
  } while (0)

namespace {

struct Buffer {
  std::int64_t lower, upper;
  std::uint64_t size;
  const char* name;
};

const std::vector<Buffer> kThree = {{0, 2, 1024, "a"}, {1, 3, 2048, "b"}, {2, 4, 1024, "c"}};

orionrt::columns columns_of(orionrt::span<const Buffer> buffers) {
  orionrt::columns columns;
  columns.lower = orionrt::column<std::int64_t>::of(buffers, &Buffer::lower);
  columns.upper = orionrt::column<std::int64_t>::of(buffers, &Buffer::upper);
  columns.size = orionrt::column<std::uint64_t>::of(buffers, &Buffer::size);
  columns.name = orionrt::column<const char*>::of(buffers, &Buffer::name);
  return columns;
}

orionrt::lifetimes three() {
  return orionrt::lifetimes::from_columns(columns_of(kThree)).value();
}

void columns_of_structures_are_planned() {
  const auto lifetimes = three();
  CHECK(lifetimes.size() == 3 && lifetimes.load() == 3072 && lifetimes.total_bytes() == 4096);
  CHECK(lifetimes.name(1) == "b" && lifetimes.find("c") == 2);
  CHECK(lifetimes.find("d") == orionrt::none);
  CHECK(lifetimes.row(1).value().size == 2048);
  const auto plan = orionrt::planner().plan(lifetimes).value();
  CHECK(plan.peak() == 3072 && plan.is_optimal() && plan.strategy() == "auto");
  CHECK(plan.lower_bound() == 3072 && plan.load() == 3072 && plan.alignment() == 1);
  CHECK(plan.offsets().size() == 3 && plan.offsets()[0] == plan.offsets()[2]);
  CHECK(plan.lifetimes().name(0) == "a");
  const auto again = orionrt::plan::from_json(plan.to_json().value()).value();
  CHECK(std::vector<std::uint64_t>(again.offsets().begin(), again.offsets().end()) ==
        std::vector<std::uint64_t>(plan.offsets().begin(), plan.offsets().end()));
  CHECK(plan.to_csv().value().rfind("id,", 0) == 0);
  CHECK(plan.write("wrapper_test.json"));
  CHECK(orionrt::plan::read("wrapper_test.json").value().peak() == 3072);
  CHECK(std::remove("wrapper_test.json") == 0);
}

void errors_are_values() {
  auto columns = columns_of(kThree);
  const std::array<std::uint64_t, 2> two = {1, 1};
  columns.alignment = two;
  const auto longer = orionrt::lifetimes::from_columns(columns);
  CHECK(!longer && longer.error().status() == ORIONRT_WRONG_COUNT);
  const std::array<std::uint64_t, 3> odd = {1, 1, 3};
  columns.alignment = odd;
  const auto refused = orionrt::lifetimes::from_columns(columns);
  CHECK(!refused && refused.error().status() == ORIONRT_BAD_ALIGNMENT);
  CHECK(std::string(refused.error().name()) == "ORIONRT_BAD_ALIGNMENT");
  CHECK(refused.error().index() == 2 && !refused.error().best_plan());

  const auto overlapping = orionrt::plan::from_offsets(three(), {0, 512, 0});
  CHECK(!overlapping && overlapping.error().status() == ORIONRT_OVERLAP);
  CHECK(orionrt::plan::from_offsets(three(), {0, 1024, 0}).value().peak() == 3072);

  const auto full = orionrt::planner().capacity(3000).plan(three());
  CHECK(!full && full.error().best_plan()->peak() == 3072);
  // The first option that was refused is what planning reports.
  const auto options = orionrt::planner().strategy("none such").threads(0).plan(three());
  CHECK(!options && options.error().status() == ORIONRT_UNKNOWN_STRATEGY);

  std::string warnings;
  CHECK(orionrt::lifetimes::from_csv("id,lower,upper,size,hint\na,0,1,8,1\n", &warnings));
  CHECK(warnings.find("hint") != std::string::npos);
  CHECK(!orionrt::lifetimes::from_csv("id\n"));
  const orionrt::gap outside = {0, 7, 8};
  auto lifetimes = three();
  CHECK(!lifetimes.add_gaps({outside}) && lifetimes.load() == 3072);
  const orionrt::gap end = {0, 1, 2};
  CHECK(lifetimes.add_gaps({end}) && lifetimes.row(0).value().upper == 1);
#if defined(__cpp_exceptions)
  bool is_thrown = false;
  try {
    (void)orionrt::plan::from_json("{").value();
  } catch (const orionrt::bad_result& bad) {
    is_thrown = bad.error().status() == ORIONRT_MALFORMED;
  }
  CHECK(is_thrown);
#endif
}

void columns_are_there_or_left_out() {
  const auto status = [](const orionrt::columns& columns) {
    const auto made = orionrt::lifetimes::from_columns(columns);
    return made ? ORIONRT_OK : made.error().status();
  };
  orionrt::columns columns;
  CHECK(status(columns) == ORIONRT_WRONG_COUNT);
  const std::array<Buffer, 2> rows = {{{0, 1, 8, "a"}, {1, 2, 8, "b"}}};
  columns.lower = orionrt::column<std::int64_t>::of(rows, &Buffer::lower);
  columns.upper = orionrt::column<std::int64_t>::of(rows, &Buffer::upper);
  CHECK(status(columns) == ORIONRT_WRONG_COUNT);
  columns.size = orionrt::column<std::uint64_t>::of(rows, &Buffer::size);
  CHECK(status(columns) == ORIONRT_OK);
  // A column that is given is one of each tensor, though it has no values.
  const std::vector<std::uint64_t> forgotten;
  columns.alignment = forgotten;
  CHECK(status(columns) == ORIONRT_WRONG_COUNT);
  const std::vector<Buffer> none;
  CHECK(status(columns_of(none)) == ORIONRT_OK);
}

void planners_are_made_in_one_statement() {
  auto planner = orionrt::planner().threads(1).alignment(64).seed(3);
  auto lifetimes = three();
  auto plan = planner.plan(lifetimes).value();
  CHECK(plan.alignment() == 64);
}

// What owns a handle lends it, hands it over, and takes one.
template <class Object>
void is_taken_over(Object object) {
  const auto* lent = std::as_const(object).get();
  Object other(object.release());
  CHECK(lent != nullptr && object.get() == nullptr && other.get() == lent);
}

void handles_are_taken_over() {
  is_taken_over(three());
  is_taken_over(orionrt::planner().plan(three()).value());
  is_taken_over(orionrt::graph());
  orionrt::model_set set;
  CHECK(set.add("a", three()));
  is_taken_over(orionrt::planner().share(set).value());
  is_taken_over(std::move(set));
#ifdef ORIONRT_MODELS
  is_taken_over(orionrt::model_options());
#endif
  // A planner that is handed over has no function, which belongs to the object.
  int calls = 0;
  orionrt::planner watched;
  watched.on_progress([&calls](const orionrt::progress&) { return ++calls < 0; },
                      std::chrono::microseconds(1));
  orionrt::planner handed(watched.release());
  CHECK(handed.plan(three()).value().peak() == 3072 && calls == 0);
  is_taken_over(std::move(handed));
}

void gaps_and_offsets_are_read_back() {
  auto lifetimes = orionrt::lifetimes::from_csv("id,lower,upper,size,gaps\na,0,9,8,2-3 5-7\n");
  const auto gaps = lifetimes->gaps(0).value();
  CHECK(gaps.size() == 2 && gaps[1].lower == 5 && gaps[1].upper == 7 && !lifetimes->gaps(1));
  CHECK(three().check({0, 1024, 0}));
  CHECK(three().check({0, 512, 0}).error().status() == ORIONRT_OVERLAP);
  const auto plan = orionrt::planner().plan(*lifetimes).value();
  std::string warnings;
  const auto again = orionrt::plan::from_csv(plan.to_csv().value(), &warnings).value();
  CHECK(warnings.empty() && again.lifetimes().gaps(0).value().size() == 2);
  CHECK(again.lifetimes().check(again.offsets()));
  CHECK(orionrt::plan::from_csv("id,lower,upper,size,offset,hint\na,0,1,8,0,1\n", &warnings));
  CHECK(warnings.find("hint") != std::string::npos);
}

void windows_are_added_and_read_back() {
  auto lifetimes = orionrt::lifetimes::from_csv("id,lower,upper,size\na,0,6,100\nb,2,4,90\n");
  CHECK(lifetimes->load() == 190);
  const orionrt::piece window = {0, 2, 4, 0, 10}, outside = {0, 2, 7, 0, 10};
  CHECK(lifetimes->add_windows({outside}).error().status() == ORIONRT_BAD_WINDOW);
  CHECK(lifetimes->add_windows({window}) && lifetimes->load() == 100);
  const auto pieces = lifetimes->pieces(0).value();
  CHECK(pieces.size() == 3 && pieces[1].lower == 2 && pieces[1].end == 10);
}

void inputs_are_given_up() {
  orionrt::graph graph;
  const auto x = graph.tensor("x", 100, 4), y = graph.tensor("y", 100, 4);
  const auto past = graph.tensor("past", 50), present = graph.tensor("present", 50);
  graph.in_place(graph.op("relu", {}, {}), y, x).output(y);
  graph.in_place(graph.op("append", {}, {}), present, past);
  graph.output(present).alias_output(present, past);
  CHECK(graph.lifetimes().value().load() == 250);
  CHECK(graph.donate(x).lifetimes().value().load() == 150);
  CHECK(graph.donate(y).lifetimes().error().status() == ORIONRT_BAD_GRAPH);
}

void operands_lie_within_a_result() {
  orionrt::graph graph;
  const auto a = graph.tensor("a", 100, 4), joined = graph.tensor("joined", 120, 4);
  graph.op("load", {}, {a});
  graph.part(graph.op("pad", {}, {}), a, joined, 20).output(joined);
  CHECK(graph.lifetimes().value().load() == 220);
  CHECK(graph.lifetimes(ORIONRT_ALIASING_PARTS).value().load() == 120);
}

void graphs_become_lifetimes() {
  orionrt::graph graph;
  const auto x = graph.tensor("x", 100, 4), y = graph.tensor("y", 100, 4);
  const auto z = graph.tensor("z", 50, 2);
  graph.op("load", {}, {x});
  graph.in_place(graph.op("relu", {}, {}), y, x);
  graph.view_of(graph.op("slice", {}, {}), z, y, 50).output(z);
  CHECK(graph.lifetimes().value().total_bytes() == 100);
  CHECK(graph.lifetimes(ORIONRT_ALIASING_OFF).value().total_bytes() == 250);
  const auto reordered = graph.reorder().value();
  CHECK(reordered.order == (std::vector<std::size_t>{0, 1, 2}));
  CHECK(reordered.lifetimes.total_bytes() == 100);
  graph.stream(99, 1).output(77);
  CHECK(graph.lifetimes().error().message().find("99") != std::string::npos);
}

void models_share_a_region() {
  orionrt::model_set set;
  CHECK(*set.add("a", three()) == 0 && *set.add("b", three()) == 1 && !set.add("b", three()));
  const orionrt::planner planner;
  const auto alone = planner.share(set).value();
  CHECK(alone.joint().peak() == 3072 && alone.isolated_bytes() == 6144);
  CHECK(alone.part(1).value().peak() == 3072 && !alone.part(2));
  const auto together = planner.share(set, {orionrt::model_pair{0, 1}}).value();
  CHECK(together.joint().peak() == 6144);
  const std::vector<std::vector<std::int64_t>> starts = {{0, 20}, {10}};
  const auto timed = planner.share_timed(set, starts).value();
  CHECK(timed.joint().peak() == 3072);
}

void searches_are_watched() {
  std::vector<std::int64_t> lower, upper;
  std::vector<std::uint64_t> size, alignment;
  std::uint32_t state = 1;
  const auto random = [&state](std::uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
  };
  for (int i = 0; i < 120; ++i) {
    lower.push_back(random(50));
    upper.push_back(51 + random(50));
    size.push_back(i % 2 == 0 ? 33 + random(7) : 40 + random(60));
    alignment.push_back(i % 2 == 0 ? 64 : 1);
  }
  orionrt::columns columns;
  columns.lower = lower, columns.upper = upper, columns.size = size, columns.alignment = alignment;
  const auto lifetimes = orionrt::lifetimes::from_columns(columns).value();
  int calls = 0;
  orionrt::planner planner;
  planner.time_limit(std::chrono::hours(1));
  planner.on_progress(
      [&calls](const orionrt::progress& progress) {
        return ++calls < 3 || progress.best_peak == UINT64_MAX;
      },
      std::chrono::milliseconds(1));
  // A planner may be moved with its function; without its handle, it is no planner.
  orionrt::planner moved = std::move(planner);
  CHECK(planner.plan(lifetimes).error().status() == ORIONRT_NULL_POINTER);
  CHECK(moved.plan(lifetimes).value().peak() > lifetimes.lower_bound() && calls >= 3);
  moved.time_limit(std::chrono::milliseconds(20)).on_progress(nullptr);
  const int before = calls;
  CHECK(moved.plan(lifetimes) && calls == before);
}

void what_may_share_bytes_is_told() {
  const auto lifetimes = three();
  CHECK(lifetimes.conflict(0, 1) && !lifetimes.conflict(0, 2));
  const auto profile = lifetimes.profile().value();
  CHECK(profile.size() == 4 && profile[1].lower == 1 && profile[1].upper == 2);
  CHECK(profile[1].live_bytes == 3072 && profile[1].bound == 3072);
  orionrt::model_set set;
  CHECK(set.add("a", lifetimes) && set.add("b", lifetimes));
  const auto sharing = set.sharing().value();
  CHECK(sharing.pair_count() == 9 && sharing.is_complete());
  CHECK(sharing.bytes({0, 1}, {1, 0}).value() == 1024 && !sharing.bytes({0, 1}, {2, 0}));
  const auto largest = sharing.largest(2).value();
  CHECK(largest.size() == 2 && largest[0].bytes == 2048 && largest[1].bytes == 1024);
  CHECK(sharing.largest(SIZE_MAX).value().size() == 9 && sharing.largest(0).value().empty());
  const orionrt::model_pair pair = {0, 1};
  CHECK(set.sharing({pair}).value().pair_count() == 0);
  const std::vector<std::vector<std::int64_t>> starts = {{0}, {3}};
  CHECK(set.sharing_timed(starts).value().pair_count() == 8);
  const auto shared = orionrt::planner().share(set).value();
  const auto ranges = shared.ranges(SIZE_MAX).value();
  CHECK(ranges.size() == shared.pair_count() && !ranges.empty());
  CHECK(ranges[0].first.model == 0 && ranges[0].second.model == 1 && ranges[0].lower == 0);
}

void views_and_devices_are_columns() {
  const std::array<std::int64_t, 2> lower = {0, 1}, upper = {4, 3};
  const std::array<std::uint64_t, 2> size = {100, 40}, root_offset = {0, 60};
  const std::array<std::size_t, 2> root = {orionrt::none, 0};
  orionrt::columns columns;
  columns.lower = lower, columns.upper = upper, columns.size = size;
  columns.root = root, columns.root_offset = root_offset;
  const auto lifetimes = orionrt::lifetimes::from_columns(columns).value();
  const auto plan = orionrt::planner().plan(lifetimes).value();
  CHECK(plan.peak() == 100 && plan.offsets()[1] == 60);
  const std::string csv = "id,lower,upper,size,device\na,0,1,8,x\na,0,1,16,y\n";
  CHECK(orionrt::devices_of_csv(csv).value() == std::vector<std::string>({"x", "y"}));
  CHECK(orionrt::lifetimes::from_csv_on(csv, "y").value().load() == 16);
}

void threads_plan_at_once() {
  const auto lifetimes = three();
  const orionrt::planner planner;
  std::uint64_t peaks[2] = {};
  std::thread other([&] { peaks[1] = planner.plan(lifetimes).value().peak(); });
  peaks[0] = planner.plan(lifetimes).value().peak();
  other.join();
  CHECK(peaks[0] == 3072 && peaks[1] == 3072);
}

}  // namespace

int main() {
  CHECK(orionrt::version() == ORIONRT_VERSION && orionrt::is_compatible());
  CHECK(orionrt::strategies().front() == "auto");
  columns_of_structures_are_planned();
  errors_are_values();
  columns_are_there_or_left_out();
  planners_are_made_in_one_statement();
  handles_are_taken_over();
  gaps_and_offsets_are_read_back();
  windows_are_added_and_read_back();
  inputs_are_given_up();
  operands_lie_within_a_result();
  graphs_become_lifetimes();
  models_share_a_region();
  searches_are_watched();
  what_may_share_bytes_is_told();
  views_and_devices_are_columns();
  threads_plan_at_once();
#ifdef ORIONRT_MODELS
  const auto model = orionrt::model_options().dimension("n", 2).read("no such file");
  CHECK(!model && model.error().status() == ORIONRT_IO);
  const auto micro = orionrt::model_options().tflite_micro().parse(std::vector<std::uint8_t>{1});
  CHECK(!micro && micro.error().status() == ORIONRT_BAD_MODEL);
  const auto donated = orionrt::model_options()
                         .donate("x")
                         .donate_all()
                         .alias_output("y", "x")
                         .read("no such file");
  CHECK(!donated && donated.error().status() == ORIONRT_IO);
#endif
  return EXIT_SUCCESS;
}
