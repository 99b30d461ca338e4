// Graphs, from which lifetimes follow.

#ifndef ORIONRT_PLAN_GRAPH_HPP
#define ORIONRT_PLAN_GRAPH_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <orionrt/plan/lifetimes.hpp>

namespace orionrt {
inline namespace ORIONRT_INLINE_NAMESPACE {

/// Operators in execution order, and the tensors that each reads and writes.
class graph : public detail::builder<graph, orionrt_graph, orionrt_graph_free> {
 public:
  graph() : builder(orionrt_graph_new()) {}
  using builder::builder;

  /// Adds a tensor; returns its number.
  std::size_t tensor(const std::string& name, std::uint64_t size, std::uint64_t alignment = 1) & {
    std::size_t tensor = none;
    set(orionrt_graph_add_tensor, name.c_str(), size, alignment, &tensor);
    return tensor;
  }
  /// Adds the next operator; returns its number.
  std::size_t op(const std::string& name, span<const std::size_t> reads,
                 span<const std::size_t> writes) & {
    std::size_t op = none;
    set(orionrt_graph_add_operator, name.c_str(), reads.data(), reads.size(), writes.data(),
        writes.size(), &op);
    return op;
  }
  graph& view_of(std::size_t op, std::size_t result, std::size_t of, std::uint64_t offset = 0) & {
    return set(orionrt_graph_add_view, op, result, of, offset);
  }
  graph& in_place(std::size_t op, std::size_t result, std::size_t of) & {
    return set(orionrt_graph_add_in_place, op, result, of);
  }
  /// A result has the bytes of an operand, from byte `offset` of the result on.
  graph& part(std::size_t op, std::size_t operand, std::size_t result, std::uint64_t offset) & {
    return set(orionrt_graph_add_part, op, operand, result, offset);
  }
  graph& stream(std::size_t op, std::uint32_t stream) & {
    return set(orionrt_graph_set_stream, op, stream);
  }
  /// Makes an operator wait for another one, `first`.
  graph& wait(std::size_t op, std::size_t first) & {
    return set(orionrt_graph_add_wait, op, first);
  }
  /// The operators from `first` up to `end`, which is not one of them, are the body of a loop.
  graph& loop(std::size_t first, std::size_t end) & {
    return set(orionrt_graph_add_loop, first, end);
  }
  /// Exactly one of several branches runs: the first operator of each, then the end of the last.
  graph& branches(span<const std::size_t> bounds) & {
    return set(orionrt_graph_add_branches, bounds.data(), bounds.size());
  }
  graph& input(std::size_t tensor) & { return set(orionrt_graph_add_input, tensor); }
  graph& output(std::size_t tensor) & { return set(orionrt_graph_add_output, tensor); }
  /// Gives up the bytes of an input, so that results in place may be written over it.
  graph& donate(std::size_t input) & { return set(orionrt_graph_donate, input); }
  /// An output is the new value of an input, and has its bytes.
  graph& alias_output(std::size_t output, std::size_t input) & {
    return set(orionrt_graph_alias_output, output, input);
  }

  result<orionrt::lifetimes> lifetimes(aliasing aliasing = ORIONRT_ALIASING_IN_PLACE) const {
    return build<orionrt::lifetimes>(orionrt_lifetimes_from_graph, get(),
                                                        aliasing);
  }

  /// Lifetimes in an order of the operators with a lower load, if one is found.
  struct reordered {
    orionrt::lifetimes lifetimes;
    /// The operator of each step.
    std::vector<std::size_t> order;
  };
  result<reordered> reorder(aliasing aliasing = ORIONRT_ALIASING_IN_PLACE) const {
    std::vector<std::size_t> order(orionrt_graph_operator_count(get()));
    auto made = build<orionrt::lifetimes>(
        orionrt_lifetimes_from_reordered_graph, get(), aliasing, order.data(), order.size());
    if (!made) return std::move(made).error();
    return reordered{std::move(made).value(), std::move(order)};
  }
};

}  // namespace ORIONRT_INLINE_NAMESPACE
}  // namespace orionrt

#endif  // ORIONRT_PLAN_GRAPH_HPP
